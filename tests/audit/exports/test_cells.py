"""Tables for spreadsheets: nothing in them is run, and nothing in them moves a terminal (THREATS 32, 41)."""

import csv
import io

import pytest

from audit.entry import Text
from audit.exports.cells import safe
from audit.exports.sheet import COLUMNS
from audit.ids import uuid7
from audit.note import Signer
from audit.queries import EntryFilter
from audit.services import record
from tests.audit.conftest import entry
from tests.audit.exports.conftest import ask, made
from tests.audit.exports.test_bundle import SMALL


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        " =1",
        "＝1",
        "＋1",
        "－1",
        "＠x",
        "\ufeff=1",
        "\u200b=1",
        "\xa0=1",
        "\u2003@x",
    ],
)
def test_a_cell_that_could_be_a_formula_is_a_text(cell: str) -> None:
    """OWASP, CSV injection; also where what is not seen stands before it."""
    assert safe(cell).startswith("'")


@pytest.mark.parametrize("cell", ["", "plain", "a=b", "1-2", '{"a": "=1"}', "session:S-1"])
def test_any_other_cell_stays_as_it_is(cell: str) -> None:
    assert safe(cell) == cell


def test_what_moves_a_terminal_is_told_by_its_number() -> None:
    assert safe("a\x1b[2Jb\x9bc\x07") == "a\\x1b[2Jb\\x9bc\\x07"


def test_a_table_has_a_line_for_each_entry_that_was_chosen(signer: Signer) -> None:
    """Whatever its texts hold: raw content is in no table."""
    named = entry("session:S-7", facts={"tool": "send_email", "note": '=cmd|"/c calc"', "odd": "a,b\n;c"}, ids=("S-7", "AP-1"),
                  on_behalf_of="=HYPERLINK(1)", texts=(Text(uuid7(), "goal", "A secret"),))  # fmt: skip
    record([entry(), named, entry()])
    row, data = made(signer, ask(EntryFilter(stream="session:S-7"), kind="csv", texts=True))

    header, line = csv.reader(io.StringIO(data.decode(), newline=""))
    told = dict(zip(header, line, strict=True))
    assert tuple(header) == COLUMNS
    assert (told["index"], told["stream"], told["seq"], told["tool"]) == ("2", "session:S-7", "1", "send_email")
    assert told["on_behalf_of"] == "'=HYPERLINK(1)"
    assert told["ids"] == "S-7 AP-1"
    assert "=cmd|" in told["facts"]
    assert told["facts"].startswith("{")
    assert b"secret" not in data
    assert (row.texts, row.entries) == (False, 1)


def test_a_table_made_in_many_steps_is_the_same(signer: Signer) -> None:
    record([entry(f"session:S-{number % 5}") for number in range(400)])
    whole = made(signer, ask(EntryFilter(kind="session"), kind="csv"))[1]
    steps, data = made(signer, ask(EntryFilter(kind="session"), kind="csv"), pace=SMALL)
    assert data == whole
    assert steps.parts > 5
    assert len(data.splitlines()) == 401
