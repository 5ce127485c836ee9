"""How the API reads what is sent: JSON bodies strictly, ids and texts within bounds."""

from datetime import UTC, datetime
from typing import Annotated, Any

from django.conf import settings
from django.http import HttpRequest
from ninja import Path, Schema
from ninja.parser import Parser
from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, StringConstraints

from audit.canonical import DEEPEST, parse
from audit.errors import InvalidJson
from console.errors import TooLarge, UnsupportedMediaType

EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2500, 1, 1, tzinfo=UTC)
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


def bounded(time: datetime) -> datetime:
    """Return the time, or the end of what the database can compare that is nearest to it."""
    return min(max(time, EARLIEST), LATEST)


class Body(Schema):
    """A request's body: unknown members are an error, so nothing can be set that is not offered."""

    model_config = ConfigDict(extra="forbid")


Word = Annotated[str, StringConstraints(max_length=200), AfterValidator(storable)]
"""A filter or short text."""
Sentence = Annotated[str, StringConstraints(min_length=3, max_length=2000, strip_whitespace=True), AfterValidator(storable)]
"""A reason or an instruction."""
Time = Annotated[AwareDatetime, AfterValidator(bounded)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=200_000), AfterValidator(storable)]
"""A prompt, as it stands."""
Limit = Annotated[int, Field(ge=1, le=200, description="How many items at most")]
Cursor = Annotated[str, StringConstraints(max_length=600), AfterValidator(storable)]
SessionRef = Annotated[str, Path(pattern=r"^S-[1-9][0-9]{0,17}$", examples=["S-88123"])]
ApprovalRef = Annotated[str, Path(pattern=r"^AP-[1-9][0-9]{0,17}$", examples=["AP-20418"])]
SlugPath = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", examples=["research-assistant"])]
VersionPath = Annotated[str, Path(pattern=r"^[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}(-[0-9A-Za-z.-]{1,60})?$", examples=["1.0.0"])]
ToolPath = Annotated[str, Path(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$", examples=["send_email"])]
TokenPath = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]
