"""Cells of tables that people open in a spreadsheet: none of them is run. Pure."""

import re
import unicodedata

FORMULAS = ("=", "+", "-", "@", "\N{FULLWIDTH EQUALS SIGN}", "\N{FULLWIDTH PLUS SIGN}", "\N{FULLWIDTH HYPHEN-MINUS}",
            "\N{FULLWIDTH COMMERCIAL AT}")  # fmt: skip
"""What a spreadsheet takes for the beginning of a formula, also where blanks stand before it."""
UNSEEN = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def safe(cell: object) -> str:
    """Return a cell that no spreadsheet runs: a text that could be a formula gets an apostrophe before it.

    So does one that begins with what is not seen: some take that away, and run the rest.
    """
    if not isinstance(cell, str):
        return "" if cell is None else str(round(cell, 1) if isinstance(cell, float) else cell)
    begins = cell.startswith(FORMULAS) or (cell[:1] != "" and unicodedata.category(cell[0]) in UNSEEN)
    return _CONTROLS.sub(_told, f"'{cell}" if begins else cell)


def _told(found: re.Match[str]) -> str:
    return f"\\x{ord(found[0]):02x}"
