"""The shape of a problem (RFC 9457), as every operation may answer. What becomes one: `console.api.errors`."""

from typing import Any

from ninja import Schema


class FieldError(Schema):
    """One wrong or missing value of the request."""

    loc: list[str | int]
    msg: str


class Problem(Schema):
    """What went wrong. `code` is stable; `detail` is for people."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[FieldError] | None = None
    decision: dict[str, Any] | None = None
