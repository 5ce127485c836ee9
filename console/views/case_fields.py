"""The inputs of a case's form with their labels, values and errors, in rows as the page shows them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError

from agents.evals.checks import checked
from agents.evals.document import CaseDocument, Expectation, Rubric, Written
from agents.rehearsals.play import Transcript
from console.case_form import KINDS, document_of, places
from console.views.policy_fields import Errors, Field, Options, Sent

KIND_WORDS: Mapping[str, str] = {
    "called": "Calls a tool",
    "not_called": "Never calls a tool",
    "order": "Calls tools in this order",
    "says": "The answer says",
    "never_says": "Nothing it writes says",
    "schema": "The answer is JSON of a schema",
    "language": "Is written in a language",
    "within": "Stays within bounds",
    "rubric": "Is graded by a model",
}
SOURCES: Options = (("user", "a user"), ("operator", "an operator"), ("system", "the system"), ("agent", "the agent"))
RESULTS: Options = (("succeeded", "succeeded"), ("failed", "failed"), ("rejected", "was rejected"), ("denied", "was denied"))
JUDGED: Options = (("", "in any way"), ("would run", "would run"), ("would ask", "would ask a person"), ("denied", "is denied"))
CONDITIONS_HINT = (
    "One a line: where, how, what. Such as to.0 equals kim@halden.example, amount at_most 100, body contains refund, cc absent;"
    " also like (* stands for anything), one_of [1, 2], at_least."
)
_Kind = Literal["text", "number", "choice", "lines", "box"]
# Label, kind of input, hint and choices of each value of an expectation.
_INPUTS: Mapping[str, tuple[str, _Kind, str, Options]] = {
    "tool": ("Tool", "text", "", ()),
    "arguments": ("Where its arguments are so", "lines", CONDITIONS_HINT, ()),
    "exactly": ("Or are exactly, as JSON", "lines", "Empty: whatever else they are.", ()),
    "at_least": ("At least, times", "number", "Empty: once.", ()),
    "at_most": ("At most, times", "number", "Empty: as often as it likes.", ()),
    "judged": ("And the call", "choice", "", JUDGED),
    "tools": ("Tools", "lines", "One a line; others may come between.", ()),
    "text": ("Text", "text", "", ()),
    "like": ("* stands for anything", "box", "", ()),
    "case": ("Capital letters count", "box", "", ()),
    "schema": ("JSON Schema", "lines", "Of a plain document: type, properties, required, items, enum, minimum and so on.", ()),
    "languages": (
        "Languages, as codes",
        "text",
        "Such as en; close ones together, as hr, bs, sr. Too short to tell has not passed.",
        (),
    ),
    "turns": ("Turns at most", "number", "", ()),
    "calls": ("Calls at most", "number", "", ()),
    "tokens": ("Tokens at most", "number", "", ()),
    "cost_microusd": ("Dollars at most", "text", "", ()),
    "seconds": ("Seconds at most", "text", "", ()),
    "rubric": ("What a good run looks like", "lines", "The model that grades reads this beside what was said and done.", ()),
}
_GRADE: tuple[str, _Kind, str, Options] = ("Grade, from 1 to 5, at least", "number", "Empty: 4.", ())


@dataclass(frozen=True, slots=True)
class Row:
    """One message, result or expectation: its title, what it says in short, its inputs, and what is wrong with all of it."""

    name: str
    title: str
    said: str
    fields: tuple[Field, ...]
    errors: tuple[str, ...]
    open: bool
    kind: str = ""  # of an expectation

    @property
    def id(self) -> str:
        """The id of the row."""
        return "r-" + self.name.replace(".", "-")


@dataclass(frozen=True, slots=True)
class Section:
    """The rows of one list of the document, and what can be added to it."""

    id: str
    title: str
    note: str
    rows: tuple[Row, ...]
    errors: tuple[str, ...]
    adds: Options


class _Maker:
    def __init__(self, sent: Sent, errors: Errors) -> None:
        self.sent, self.errors = sent, errors

    def one(self, name: str, label: str, kind: _Kind, hint: str = "", options: Options = ()) -> Field:
        return Field(name, label, kind, self.sent.get(name, ""), options, hint, errors=tuple(self.errors.get(name, ())))

    def row(self, name: str, title: str, said: str, fields: tuple[Field, ...], few: bool) -> Row:
        shown = {field.name for field in fields}
        rest = tuple(
            text for key, texts in self.errors.items() if key.startswith(f"{name}.") and key not in shown for text in texts
        )
        wrong = bool(rest) or any(field.errors for field in fields)
        return Row(name, title, said, fields, rest, wrong or few, self.sent.get(f"{name}.kind", ""))

    def line(self, at: str, few: bool) -> Row:
        source, text = self.sent.get(f"{at}.source", ""), self.sent.get(f"{at}.text", "")
        fields: tuple[Field, ...] = (
            self.one(f"{at}.source", "Who says it", "choice", options=SOURCES),
            self.one(f"{at}.text", "What is said", "lines"),
            self.one(f"{at}.untrusted", "It comes from outside, and taints", "box"),
        )
        if source == "agent" or self.sent.get(f"{at}.calls"):
            hint = 'Such as [{"tool": "search_documents", "arguments": "{}", "result": "Nothing."}].'
            fields += (self.one(f"{at}.calls", "Calls that the agent made, as JSON", "lines", hint),)
        return self.row(at, dict(SOURCES).get(source, source).capitalize(), _short(text), fields, few)

    def recorded(self, at: str, few: bool) -> Row:
        tool, status = self.sent.get(f"{at}.tool", ""), self.sent.get(f"{at}.status", "")
        fields: tuple[Field, ...] = (
            self.one(f"{at}.tool", "Tool", "text"),
            self.one(f"{at}.status", "The call", "choice", options=RESULTS),
            self.one(f"{at}.arguments", "For a call with these arguments, as JSON", "lines", "Empty: whatever they are."),
            self.one(f"{at}.result", "What the model reads", "lines"),
            self.one(f"{at}.untrusted", "It comes from outside, and taints", "box"),
        )
        if self.sent.get(f"{at}.sources"):
            fields += (self.one(f"{at}.sources", "Where it comes from, as JSON", "lines"),)
        return self.row(at, tool or "A tool", dict(RESULTS).get(status, status), fields, few)

    def expected(self, at: str, few: bool, said: str) -> Row:
        kind = self.sent.get(f"{at}.kind", "")
        fields = tuple(self._value(at, kind, name) for name in KINDS.get(kind, ()))
        return self.row(at, KIND_WORDS.get(kind, kind), said, fields, few)

    def _value(self, at: str, kind: str, name: str) -> Field:
        label, input_, hint, options = _GRADE if (kind, name) == ("rubric", "at_least") else _INPUTS[name]
        return self.one(f"{at}.{'cost' if name == 'cost_microusd' else name}", label, input_, hint, options)

    def section(self, id_: str, title: str, note: str, rows: list[Row], adds: Options) -> Section:
        return Section(id_, title, note, tuple(rows), tuple(self.errors.get(id_, ())), adds)


def sections(sent: Sent, errors: Errors, fresh: str = "") -> list[Section]:
    """Return what a case begins with, what is expected and what its tools answer; `fresh` is the row that was just added."""
    make, said = _Maker(sent, errors), _said(sent)

    def of(rows: str) -> list[tuple[str, bool]]:
        found = [f"{rows}.{place}" for place in places(sent, rows)]
        return [(at, len(found) <= 2 or at == fresh) for at in found]

    return [
        make.section("start", "How it begins", "What was said before the agent has its turn.",
                     [make.line(at, few) for at, few in of("start")], (("start", "Add a message"),)),
        make.section("expect", "What is expected", "Each has to hold in every run of it.",
                     [make.expected(at, few, text) for (at, few), text in zip(of("expect"), said, strict=True)],
                     tuple(KIND_WORDS.items())),
        make.section("recorded", "What its tools answer",
                     "A call is answered by the first that fits; one that nothing answers is told that it is a rehearsal.",
                     [make.recorded(at, few) for at, few in of("recorded")], (("recorded", "Add an answer"),)),
    ]  # fmt: skip


def rest(sent: Sent, errors: Errors) -> list[Field]:
    """Return the inputs of what holds for the whole case."""
    make = _Maker(sent, errors)
    hint = "One a line. Only tools that read, and carry nothing out, ever run; only where nothing is recorded."
    return [
        make.one("sandbox", "Tools that may really run", "lines", hint),
        make.one("turns", "Broken off after, turns", "number", "Empty: 20."),
        make.one("seconds", "Broken off after, seconds", "text", "Empty: 300."),
        make.one("task_type", "Task type", "text", "Empty: default."),
        make.one("tenant", "Tenant", "text"),
        make.one("on_behalf_of", "On behalf of", "text"),
    ]


def _said(sent: Sent) -> list[str]:
    """Return each expectation in words; nothing while the case cannot be read."""
    count = len(places(sent, "expect"))
    try:
        found = CaseDocument.model_validate(document_of(sent)).expect
    except ValidationError:
        return [""] * count
    return [_words(one) for one in found]


def _words(one: Expectation) -> str:
    if isinstance(one, Rubric | Written):  # neither a model nor that of languages is asked for the sake of words
        return _short(one.rubric) if isinstance(one, Rubric) else ", ".join(one.languages)
    return checked([one], Transcript())[0].expected


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 90 else f"{line[:89]}…"
