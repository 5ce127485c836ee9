"""Cursors: where a list goes on. Opaque and signed, so that nobody builds a query out of one."""

from collections.abc import Sequence
from typing import Any

from django.core.signing import BadSignature, Signer
from ninja import Schema

from console.api.reading import Cursor, Limit
from console.errors import InvalidCursor


class Paged(Schema):
    """The query of a list."""

    limit: Limit = 50
    cursor: Cursor = ""


def encode(collection: str, key: Sequence[Any] | None) -> str | None:
    """Return the cursor for a keyset key of a collection; None where nothing follows."""
    return None if key is None else Signer(salt=f"cursor:{collection}").sign_object(list(key))


def decode(collection: str, cursor: str) -> list[Any] | None:
    """Return the keyset key in a cursor, None for an empty one; raises InvalidCursor for any other text."""
    if not cursor:
        return None
    try:
        key = Signer(salt=f"cursor:{collection}").unsign_object(cursor)
    except (BadSignature, ValueError):
        raise InvalidCursor from None
    if not isinstance(key, list):
        raise InvalidCursor
    return key
