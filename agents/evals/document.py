"""What a case holds: where its rehearsal begins, what its tools answer, and what is expected of it. Pure."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, JsonValue, field_validator, model_validator

from agents.evals.matching import unknown_keyword
from agents.rehearsals.document import Line, Part, Recorded, ToolName, unfit

MOST_LINES, MOST_RECORDED, MOST_EXPECTED = 200, 300, 50
LONGEST_DOCUMENT = 1_000_000  # bytes
Phrase = Annotated[str, Field(min_length=1, max_length=2_000)]
Count = Annotated[int, Field(ge=0, le=1_000)]
Label = Annotated[str, Field(max_length=200)]
_CODES = """
ace af am an ar ary arz as az ba bcl be bg bn br bs ca crh cs cy da de dz el en eo es et eu ext fa fi fo fr fuv fy ga gcf gcr gd gl
gom grc gu gug guw ha hbo he hi hr ht hu hy id ig is it ja jv ka kab kik kk km kn ko ku ky la lb lg lij ln lo lt ltg lv mg mk ml mn mr
ms mt my ne nl nn no nso oc om or pa pcm pl ps pt qu ro ru rw sa sdh se si sk sl sn so sq sr st sv sw ta te tg th tk tl tr tt ug uk ur
uz uzs vec vi vo wa wuu xh yo yue zh zu"""
LANGUAGES = frozenset(_CODES.split())
"""What `agents.evals.languages` can tell; a copy, so that checking a case does not load it."""


def _known(code: str) -> str:
    if code not in LANGUAGES:
        raise ValueError("is no language that can be told; name ISO 639 codes such as en, de, fr, ja")
    return code


Code = Annotated[str, AfterValidator(_known)]


class Condition(Part):
    """What one value has to be. `like` is a text with * for anything: a regular expression could hold a worker for hours."""

    equals: JsonValue | None = None
    contains: Phrase | None = None
    like: Phrase | None = None
    one_of: Annotated[tuple[JsonValue, ...], Field(max_length=50)] | None = None
    at_least: float | None = None
    at_most: float | None = None
    absent: bool | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "Condition":
        if not self.model_fields_set:
            raise ValueError("needs one of equals, contains, like, one_of, at_least, at_most, absent")
        return self


class Matching(Part):
    """Which calls are meant: a tool, and what its arguments have to be, by dotted path."""

    tool: ToolName
    arguments: Annotated[dict[Annotated[str, Field(min_length=1, max_length=200)], Condition], Field(max_length=50)] = {}
    exactly: dict[str, JsonValue] | None = None


class Called(Matching):
    """The call is made so often, and is judged so where that is said."""

    kind: Literal["called"] = "called"
    at_least: Annotated[int, Field(ge=1, le=1_000)] = 1
    at_most: Count | None = None
    judged: Literal["would run", "would ask", "denied"] | None = None


class NotCalled(Matching):
    """The call is never made."""

    kind: Literal["not_called"] = "not_called"


class Order(Part):
    """These tools are called one after the other; others may come between."""

    kind: Literal["order"] = "order"
    tools: Annotated[tuple[ToolName, ...], Field(min_length=2, max_length=50)]


class Says(Part):
    """The answer holds this text; `like` is taken as * for anything."""

    kind: Literal["says"] = "says"
    text: Phrase
    case: bool = False
    like: bool = False


class NeverSays(Part):
    """Nothing that the agent writes, in any turn or argument, holds this text."""

    kind: Literal["never_says"] = "never_says"
    text: Phrase
    case: bool = False
    like: bool = False


class Shape(Part):
    """The answer is JSON of this schema."""

    kind: Literal["schema"] = "schema"
    schema_: Annotated[dict[str, JsonValue], Field(alias="schema")]

    @field_validator("schema_")
    @classmethod
    def _is_understood(cls, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if unknown := unknown_keyword(value):
            raise ValueError(unknown)
        return value


class Written(Part):
    """The answer is written in one of these languages; where that cannot be told, it is not."""

    kind: Literal["language"] = "language"
    languages: Annotated[tuple[Code, ...], Field(min_length=1, max_length=10)]


class Within(Part):
    """The rehearsal stays within bounds."""

    kind: Literal["within"] = "within"
    turns: Annotated[int, Field(ge=1, le=1_000)] | None = None
    calls: Count | None = None
    tokens: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    cost_microusd: Annotated[int, Field(ge=0, le=10**12)] | None = None
    seconds: Annotated[float, Field(gt=0, le=3_600)] | None = None

    @model_validator(mode="after")
    def _bounds_something(self) -> "Within":
        if all(value is None for name, value in self if name != "kind"):
            raise ValueError("needs one of turns, calls, tokens, cost_microusd, seconds")
        return self


class Rubric(Part):
    """A model grades the rehearsal from 1 to 5 against this: for what no rule says."""

    kind: Literal["rubric"] = "rubric"
    rubric: Annotated[str, Field(min_length=10, max_length=4_000)]
    at_least: Annotated[int, Field(ge=2, le=5)] = 4


Expectation = Annotated[
    Called | NotCalled | Order | Says | NeverSays | Shape | Written | Within | Rubric, Field(discriminator="kind")
]


class CaseDocument(Part):
    """One case, whole. `sandbox` names tools that may really run where nothing is recorded: only such as read."""

    start: Annotated[tuple[Line, ...], Field(min_length=1, max_length=MOST_LINES)]
    recorded: Annotated[tuple[Recorded, ...], Field(max_length=MOST_RECORDED)] = ()
    expect: Annotated[tuple[Expectation, ...], Field(min_length=1, max_length=MOST_EXPECTED)]
    sandbox: Annotated[tuple[ToolName, ...], Field(max_length=100)] = ()
    task_type: Annotated[str, Field(max_length=60)] = "default"
    tenant: Label = ""
    on_behalf_of: Label = ""
    turns: Annotated[int, Field(ge=1, le=100)] = 20
    seconds: Annotated[float, Field(ge=1, le=900)] = 300.0

    @field_validator("start")
    @classmethod
    def _can_begin(cls, value: tuple[Line, ...]) -> tuple[Line, ...]:
        if why := unfit(value):
            raise ValueError(why)
        return value

    def stored(self) -> dict[str, Any]:
        """As it is kept: what is as it is by default left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True) | {
            "expect": [
                one.model_dump(mode="json", by_alias=True, exclude_unset=True) | {"kind": one.kind} for one in self.expect
            ]
        }
