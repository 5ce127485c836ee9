"""What may stand in the head of an e-mail: addresses and subjects. Pure but for Django's own address check."""

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

LONGEST = 254


def clean_address(address: str) -> str:
    """Return the address with its domain in lower case.

    Raises ValueError for anything that is not one plain address: names beside it, several, line breaks, or letters
    beyond ASCII, which can look like another address than they are.
    """
    text = address.strip()
    if not text.isascii():
        raise ValueError("an address with letters beyond ASCII is refused, because it can look like another one")
    try:
        validate_email(text)
    except ValidationError:
        raise ValueError("this is not one plain e-mail address such as name@example.com") from None
    if len(text) > LONGEST or any(character in text for character in '\r\n,;<>()"'):
        raise ValueError("this is not one plain e-mail address such as name@example.com")
    local, _, domain = text.rpartition("@")
    return f"{local}@{domain.lower()}"


def clean_line(text: str) -> str:
    """Return the text without blanks around it; raise ValueError if it would break out of its line of the head."""
    if any(ord(character) < 32 or ord(character) == 127 for character in text) or any(c in text for c in "\u2028\u2029\x85"):
        raise ValueError("a line break or control character cannot stand here")
    return text.strip()
