"""Whole numbers as addresses and forms hold them: read in one way everywhere, so that no text can be more than the database's."""


def whole(text: str, *, digits: int = 18) -> int | None:
    """Return the number that a text is; None for anything else, also a number of other scripts or of more digits.

    Args:
        text: what came, blanks around it are passed over.
        digits: how many it has at most; 18 is what a `bigint` surely holds, 9 an `integer`.
    """
    typed = text.strip()
    return int(typed) if typed.isascii() and typed.isdecimal() and len(typed) <= digits else None
