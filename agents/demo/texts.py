"""The demo's documents: the firm's own beside this file, and the project's docs where they are installed."""

import datetime as dt
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from agents.models.library import LibraryDocument
from agents.tools.library import fingerprint

FOLDER = Path(__file__).parent / "documents"
# Not the README: it holds the goal of its own walk, and would be found in place of the document that answers it.
_OWN = ("ARCHITECTURE.md", "SECURITY.md", "CONTRIBUTING.md", "docs/*.md", "docs/adr/*.md")
_FENCE = "+++\n"
_LONGEST = 200_000


def firm() -> list[LibraryDocument]:
    """Return the firm's documents as rows that are not stored yet."""
    return [_with_head(path) for path in sorted(FOLDER.glob("*.md"))]


def project() -> list[LibraryDocument]:
    """Return the project's own documents; none where it was installed without them."""
    root = Path(settings.BASE_DIR)
    return list(_project(root))


def fill_library() -> int:
    """Store all of them and return how many there are. Joins the caller's transaction."""
    rows = [*firm(), *project()]
    LibraryDocument.objects.bulk_create(rows)
    return len(rows)


def _with_head(path: Path) -> LibraryDocument:
    _, head, body = path.read_text(encoding="utf-8").split(_FENCE, 2)
    facts = tomllib.loads(head)
    return _document(
        path.stem,
        facts["title"],
        body.strip(),
        kind=facts["kind"],
        trust=facts["trust"],
        source=facts["source"],
        dated=facts["date"],
    )


def _project(root: Path) -> Iterator[LibraryDocument]:
    for pattern in _OWN:
        for path in sorted(root.glob(pattern)):
            body = path.read_text(encoding="utf-8").strip()[:_LONGEST]
            if body:
                name = re.sub(r"[^a-z0-9]+", "-", path.relative_to(root).with_suffix("").as_posix().lower()).strip("-")
                yield _document(
                    f"countersign-{name}", _heading(body, path.stem), body, kind="docs", trust="trusted", source="Countersign"
                )


def _heading(body: str, otherwise: str) -> str:
    found = re.search(r"^# (.+)$", body, re.MULTILINE)
    title = found.group(1).strip() if found else otherwise
    return title if "countersign" in title.lower() else f"Countersign: {title}"


def _document(
    slug: str, title: str, body: str, *, kind: str, trust: str, source: str, dated: dt.date | None = None
) -> LibraryDocument:
    return LibraryDocument(
        slug=slug, title=title, kind=kind, trust=trust, source=source, dated=dated, body=body, sha256=fingerprint(title, body)
    )
