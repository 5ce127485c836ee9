"""What browsers are sent of the pages' scripts and styles."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as present
from django.core.files.base import ContentFile
from django.core.management import call_command

from console.static_files import StaticFiles

BASE = Path(present.BASE_DIR) / "static"


@pytest.fixture
def files(tmp_path: Path) -> StaticFiles:
    return StaticFiles(location=tmp_path, base_url="/static/")


def test_own_scripts_are_sent_without_what_only_their_authors_read(files: StaticFiles, tmp_path: Path) -> None:
    files.save("js/one.js", ContentFile(b"/* why */\nconst a = 1; // and how\nconst b = `x  ${a} // y`;\n"))

    assert (tmp_path / "js/one.js").read_text() == "const a=1;const b=`x  ${a} // y`;"


def test_third_party_files_stay_byte_by_byte_what_they_were(files: StaticFiles, tmp_path: Path) -> None:
    script = next((BASE / "vendor").rglob("*.js"))

    files.save(script.relative_to(BASE).as_posix(), ContentFile(script.read_bytes()))

    assert (tmp_path / script.relative_to(BASE)).read_bytes() == script.read_bytes()


def test_the_files_that_pages_name_are_the_short_ones(tmp_path: Path, settings: Any) -> None:
    """Pages name files by their hash, which `collectstatic` makes last."""
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": "console.static_files.StaticFiles"}}
    call_command("collectstatic", interactive=False, verbosity=0)

    named = json.loads((tmp_path / "staticfiles.json").read_text())["paths"]
    for name in ("js/live.js", "js/decide.js"):
        source, sent = (BASE / name).read_text(), (tmp_path / named[name]).read_text()
        assert "/*" in source
        assert "/*" not in sent
        assert len(sent) < 0.9 * len(source)
        assert gzip.decompress((tmp_path / f"{named[name]}.gz").read_bytes()).decode() == sent
    vendored = next(name for name in named if name.startswith("vendor/") and name.endswith(".js"))
    assert (tmp_path / named[vendored]).read_bytes() == (BASE / vendored).read_bytes()
