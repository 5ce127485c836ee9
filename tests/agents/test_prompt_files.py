"""Prompts as files: a round trip without loss, what drifted, and what is not taken in (PROMPT-6)."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from agents.agents import apply_agent
from agents.errors import BadPromptVersion
from agents.models import PromptVersion
from agents.prompts import folder
from agents.prompts.files import VersionFile, parsed, rendered
from agents.prompts.releases import routed
from agents.prompts.versions import add_version
from audit.actors import SYSTEM, Actor
from audit.verify import verify
from tests.console.api.conftest import DESK

PAUL = Actor("user", "7", "Paul")
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


def written(where: Path) -> dict[str, bytes]:
    """What a folder holds."""
    return {str(path.relative_to(where)): path.read_bytes() for path in sorted(where.rglob("*.md"))}


def two_versions() -> None:
    """A prompt with a live version and a draft."""
    apply_agent(DESK, actor=SYSTEM)
    add_version(slug="desk", text="For {{who}}.\r\n---\n\ttext ", actor=PAUL, user_id=7, note="Ä note.",
                variables={"who": {"default": "all"}}, parameters={"temperature": 0.1})  # fmt: skip


@given(text=WORDS, note=WORDS, author=WORDS)
def test_any_text_comes_back_as_it_was(text: str, note: str, author: str) -> None:
    """Fences, line ends and hidden characters too."""
    row = VersionFile("1.0.0", text, {"a": {"default": note}}, {"temperature": 0.1}, "0" * 64, author=author, note=note)
    assert parsed(rendered(row)) == row
    assert rendered(parsed(rendered(row))) == rendered(row)


@pytest.mark.django_db
def test_a_round_trip_through_an_empty_installation_loses_nothing(tmp_path: Path) -> None:
    """The same bytes again; all of it drafts, because nothing is released by reading files."""
    two_versions()
    assert folder.export(tmp_path / "a") == 2
    assert (folder.export(tmp_path / "a"), folder.drifted(tmp_path / "a")) == (0, [])
    renamed = tmp_path / "b" / "other"
    renamed.mkdir(parents=True)
    for name, body in written(tmp_path / "a").items():
        (renamed / Path(name).name).write_bytes(body)
    assert len(folder.take_in(tmp_path / "b", actor=SYSTEM)) == 2
    folder.export(tmp_path / "c")
    again = {name: body for name, body in written(tmp_path / "c").items() if name.startswith("other/")}
    assert again == written(tmp_path / "b")
    assert set(PromptVersion.objects.filter(prompt__slug="other").values_list("status", flat=True)) == {"draft"}
    assert routed("other").rows == ()
    assert folder.take_in(tmp_path / "b", actor=SYSTEM) == []
    assert verify().ok


@pytest.mark.django_db
def test_a_version_that_a_person_wrote_as_a_file_is_taken_in_as_a_draft(tmp_path: Path) -> None:
    """Checksum, author and time may be left empty."""
    two_versions()
    folder.export(tmp_path)
    row = VersionFile("1.2.0", "You are a kind desk.", {}, {}, "", parent="1.0.0", note="Kind.")
    (tmp_path / "desk" / "1.2.0.md").write_text(rendered(row), encoding="utf-8")
    assert [(one.kind, one.version) for one in folder.drifted(tmp_path)] == [("new", "1.2.0")]
    folder.take_in(tmp_path, actor=PAUL)
    stored = PromptVersion.objects.get(version="1.2.0")
    assert (stored.author, stored.status, len(stored.checksum)) == ("Paul", "draft", 64)
    assert stored.parent is not None
    assert stored.parent.version == "1.0.0"
    assert folder.drifted(tmp_path) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda body: body.replace("You are a desk.", "You are a chair."), "checksum"),
        (lambda body: body.replace('"note": "', '"note": "Other '), "never change"),
        (lambda body: "no front matter", "three hyphens"),
        (lambda body: body.replace('"version": "1.0.0"', '"version": "1.0.9"'), "says version"),
    ],
)
def test_a_file_that_says_something_else_is_refused_whole(tmp_path: Path, change: object, said: str) -> None:
    """Nothing is stored, and the file is named."""
    two_versions()
    folder.export(tmp_path)
    path = tmp_path / "desk" / "1.0.0.md"
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")  # type: ignore[operator]
    with pytest.raises(BadPromptVersion, match=said) as caught:
        folder.take_in(tmp_path, actor=SYSTEM)
    assert caught.value.errors[0]["loc"] == "desk/1.0.0.md"
    assert PromptVersion.objects.count() == 2


@pytest.mark.django_db
def test_the_command_reports_drift_with_an_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For a pull request's checks."""
    two_versions()
    call_command("prompts", "export", str(tmp_path))
    call_command("prompts", "drift", str(tmp_path))
    assert "Folder and database hold the same." in capsys.readouterr().out
    first = tmp_path / "desk" / "1.0.0.md"
    kept = first.read_text(encoding="utf-8")
    first.write_text(kept + " And be quick.", encoding="utf-8")
    with pytest.raises(CommandError, match="1 difference between"):
        call_command("prompts", "drift", str(tmp_path))
    assert "desk 1.0.0  not the same: text" in capsys.readouterr().out
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("prompts", "export", str(first))
    first.write_text(kept, encoding="utf-8")
    (tmp_path / "desk" / "1.1.0.md").unlink(missing_ok=True)
    (tmp_path / "desk" / "2.0.0.md").unlink(missing_ok=True)
    with pytest.raises(CommandError, match="1 difference between") as caught:
        call_command("prompts", "drift", str(tmp_path))
    assert caught.value.returncode == 1
    assert "only in the database" in capsys.readouterr().out
    call_command("prompts", "import", str(tmp_path))
    assert "0 versions were taken in" in capsys.readouterr().out
    with pytest.raises(CommandError, match="no folder"):
        call_command("prompts", "import", str(tmp_path / "none"))
