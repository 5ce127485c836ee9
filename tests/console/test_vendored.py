"""What others wrote and we keep: every file is the one that was taken over, with its licence, and names no registry."""

import hashlib
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLACES = (ROOT / "static" / "vendor", ROOT / "tests" / "browser" / "assets")
OURS = ("static", "templates")


def _entries() -> list[tuple[Path, str, dict[str, Any]]]:
    found = []
    for place in PLACES:
        for name, entry in tomllib.loads((place / "VENDORED.toml").read_text()).items():
            found.append((place / f"{name}-{entry['version']}", name, entry))
    return found


@pytest.mark.parametrize(("folder", "name", "entry"), _entries(), ids=lambda value: value if isinstance(value, str) else "")
def test_vendored_files_have_the_recorded_hashes(folder: Path, name: str, entry: dict[str, Any]) -> None:
    """A file that was changed, added or lost after it was taken over is noticed."""
    actual = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.iterdir()}
    assert actual == entry["sha256"], name
    assert entry["source"]
    assert "LICENSE" in actual


def test_no_folder_is_unrecorded() -> None:
    """Every vendored folder has its entry."""
    recorded = {folder for folder, _, _ in _entries()}
    assert {child for place in PLACES for child in place.iterdir() if child.is_dir()} == recorded


def _own_files() -> list[Path]:
    files = [path for top in OURS for path in (ROOT / top).rglob("*") if path.is_file()]
    return [path for path in files if "vendor" not in path.parts]


def test_pages_load_nothing_from_elsewhere() -> None:
    """No page, style or script names another host: nothing is fetched from outside (THREATS 31)."""
    allowed = re.compile(r"http://www\.w3\.org/2000/svg")
    for path in _own_files():
        text = allowed.sub("", path.read_text(encoding="utf-8"))
        assert not re.search(r"(?:https?:)?//[\w-]+\.[\w.-]+/", text), path


def test_no_template_has_inline_style_script_or_handler() -> None:
    """The content security policy forbids them, so none may be written (THREATS 31)."""
    for path in (ROOT / "templates").rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=\"|<script(?![^>]*\ssrc=)", text), path
        assert "|safe" not in text, path
        assert "autoescape off" not in text, path


def test_scripts_compile_no_strings() -> None:
    """Nothing in our scripts needs unsafe-eval or writes HTML from strings (THREATS 31)."""
    for path in (ROOT / "static" / "js").glob("*.js"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"\beval\(|new Function|innerHTML\s*=|outerHTML\s*=|insertAdjacentHTML|document\.write", text), (
            path
        )
