"""Showing checkpoints outside: whatever a target does, the sealer is told that it was not shown, and lives."""

from pathlib import Path

import pytest

from audit.errors import NotPublished
from audit.publish import checked, publish
from tests.audit.answering import answering

NOTE = "a note\n"


@pytest.mark.parametrize(
    "answer",
    [b"", b"SSH-2.0-nothing\r\n", b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 200],
)
def test_an_address_that_does_not_answer_as_it_should_was_not_shown_it(answer: bytes) -> None:
    """What is not even HTTP is told like all else that fails."""
    with answering(answer) as address, pytest.raises(NotPublished):
        publish(address, NOTE)


def test_an_address_that_took_it_was_shown_it() -> None:
    with answering(b"HTTP/1.1 204 Thanks\r\n\r\n") as address:
        publish(address, NOTE)


@pytest.mark.parametrize("target", ["http://no host/", "exec:", "exec:'", "exec:false", "exec:/nothing/here"])
def test_a_target_that_is_none_was_not_shown_it(target: str) -> None:
    with pytest.raises(NotPublished):
        publish(target, NOTE)


@pytest.mark.parametrize(
    ("target", "told"), [("exec:", "names no command"), ("exec: 'x", "No closing quotation"), ("x", "file:")]
)
def test_a_target_that_can_never_be_shown_anything_is_refused_before_anything_is_signed(target: str, told: str) -> None:
    with pytest.raises(NotPublished, match=told):
        checked(target)


def test_a_folder_that_is_not_there_was_not_shown_it(tmp_path: Path) -> None:
    with pytest.raises(NotPublished):
        publish(f"file:{tmp_path}/nothing/here", NOTE)
