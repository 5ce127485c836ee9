"""How the API reads what is sent: JSON bodies strictly, ids and texts within bounds."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, cast

from django.conf import settings
from django.http import HttpRequest
from ninja import Path, Query, Schema
from ninja.parser import Parser
from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, GetCoreSchemaHandler, StringConstraints
from pydantic_core import CoreSchema

from audit.actors import KINDS, NO_KIND, names_kind
from audit.canonical import DEEPEST, parse
from audit.errors import InvalidJson
from console.errors import TooLarge, UnsupportedMediaType

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2500, 1, 1, tzinfo=UTC)
PLAIN = frozenset({"int", "float", "bool"})
"""Kinds of values that JSON tells from each other."""
LIMIT: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE or 2 * 1024 * 1024


class StrictParser(Parser):
    """Takes application/json in UTF-8 alone, without duplicate keys, NaN, NUL or half characters."""

    def parse_body(self, request: HttpRequest) -> Any:
        """Return the value of the body; raises UnsupportedMediaType, TooLarge, InvalidJson."""
        # A browser can send text/plain or a form to any site without asking; JSON it cannot.
        if request.content_type != "application/json":
            raise UnsupportedMediaType
        if len(request.body) > LIMIT:
            raise TooLarge(limit=LIMIT)
        try:
            text = request.body.decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidJson(reason="it is not UTF-8") from None
        value = parse(text)
        _check(value, 0)
        return value


def _check(value: Any, depth: int) -> None:
    if depth > DEEPEST:
        raise InvalidJson(reason="it is nested too deeply")
    if isinstance(value, str):
        if not clean(value):
            raise InvalidJson(reason="it holds a NUL or half a character")
    elif isinstance(value, dict):
        for key, part in value.items():
            _check(key, depth + 1)
            _check(part, depth + 1)
    elif isinstance(value, list):
        for part in value:
            _check(part, depth + 1)


def clean(text: str) -> bool:
    """Return whether the database can hold the text."""
    return "\x00" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def storable(text: str) -> str:
    """Return the text; raises ValueError for one that the database cannot hold."""
    if not clean(text):
        raise ValueError("must not hold a NUL or half a character")
    return text


def principal(text: str) -> str:
    """Return the filter by principal; raises ValueError for one that names a kind that there is not."""
    if not names_kind(text):
        raise ValueError(NO_KIND)
    return text


def bounded(time: datetime) -> datetime:
    """Return the time, or the end of what the database can compare that is nearest to it."""
    return min(max(time, EARLIEST), LATEST)


def _strictly(schema: Any) -> Any:
    """Return a copy of a pydantic schema, or of a part of one, in which numbers and truths are strict."""
    if isinstance(schema, Mapping):
        found = {key: _strictly(value) for key, value in schema.items()}
        return {**found, "strict": True} if found.get("type") in PLAIN else found
    if isinstance(schema, list):
        return [_strictly(part) for part in schema]
    return tuple(_strictly(part) for part in schema) if type(schema) is tuple else schema


class Exact(Schema):
    """What is sent: unknown members are an error, so nothing can be set that is not offered."""

    model_config = ConfigDict(extra="forbid")


class Body(Exact):
    """A request's body. JSON says itself what is a number and what a truth: neither is taken for the other, nor a text for one."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return how the body is read, with every number and every truth in it read strictly."""
        return cast(CoreSchema, _strictly(handler(source)))


Word = Annotated[str, StringConstraints(max_length=200), AfterValidator(storable)]
"""A filter or short text."""
PrincipalWord = Annotated[
    Word,
    AfterValidator(principal),
    Field(description="kind, or kind:id", json_schema_extra={"pattern": rf"^(({'|'.join(KINDS)})(:.*)?)?$"}),
]
"""A filter by who acted."""
Sentence = Annotated[str, StringConstraints(min_length=3, max_length=2000, strip_whitespace=True), AfterValidator(storable)]
"""A reason or an instruction."""
Time = Annotated[AwareDatetime, AfterValidator(bounded)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200_000), AfterValidator(storable)]
"""A prompt, as it stands."""
Limit = Annotated[int, Field(ge=1, le=200, description="How many items at most")]
Cursor = Annotated[str, StringConstraints(max_length=600), AfterValidator(storable)]
SLUG = r"^[a-z0-9][a-z0-9-]{0,62}$"
Hook = Annotated[str, StringConstraints(max_length=2000, pattern=r"^(https?://[!-~]+)?$")]
"""Where a program is told of its sessions; empty where it is not."""
NumberPath = Annotated[int, Path(ge=1, lt=2**31, examples=[1])]
Against = Annotated[int, Query(ge=1, lt=2**31, description="The revision to compare with")]
SessionRef = Annotated[str, Path(pattern=r"^S-[1-9][0-9]{0,17}$", examples=["S-88123"])]
ApprovalRef = Annotated[str, Path(pattern=r"^AP-[1-9][0-9]{0,17}$", examples=["AP-20418"])]
SlugPath = Annotated[str, Path(pattern=SLUG, examples=["research-assistant"])]
VersionPath = Annotated[str, Path(pattern=r"^[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}(-[0-9A-Za-z.-]{1,60})?$", examples=["1.0.0"])]
ToolPath = Annotated[str, Path(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$", examples=["send_email"])]
TokenPath = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]
