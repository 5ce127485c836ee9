"""The pages' own scripts as they are served: without what only their authors read, hashed and compressed like all files.

Comments and indentation are a good part of what a first load weighs. Third-party files stay byte by byte what VENDORED.toml says.
"""

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from django.core.files.base import ContentFile
from rjsmin import jsmin
from whitenoise.storage import CompressedManifestStaticFilesStorage

VENDORED = "vendor"


class StaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]  # it has no types
    """Where `collectstatic` puts the files."""

    def save(self, name: str | None, content: Any, max_length: int | None = None) -> str:
        """Keep a file; of our own scripts what a browser needs of them."""
        path = PurePosixPath(name or "")
        if path.suffix == ".js" and path.parts[0] != VENDORED:
            content = _shorter(content)
        saved: str = super().save(name, content, max_length)
        return saved

    def post_process(self, paths: Mapping[str, Any], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        """Hash and compress what was kept here, not the sources that it came from."""
        kept = paths if dry_run else {name: (self, name) for name in paths}
        yield from super().post_process(kept, dry_run, **options)


def _shorter(content: Any) -> Any:
    return ContentFile(jsmin(content.read().decode()).encode())
