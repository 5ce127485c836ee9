"""A form made from a tool's JSON schema, so that a reviewer can edit arguments without writing JSON. Pure.

It knows scalars, choices, nullable values, lists of scalars and objects two deep; anything else is a box of JSON.
It only reads and shows: whether the arguments are valid is judged by the tool's own model alone.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Json = Any
Schema = Mapping[str, Any]
Kind = Literal["text", "textarea", "number", "integer", "boolean", "choice", "list", "group", "json"]

PREFIX = "arg"
DEPTH = 2
LONG = 80
INPUT_TYPES = {"email": "email", "uri": "url", "date": "date", "date-time": "text", "time": "time"}
SCALARS = frozenset({"string", "number", "integer"})


@dataclass(frozen=True, slots=True)
class Field:
    """One input, or a group of them. `name` is that of the input, `path` that of the argument."""

    path: str
    kind: Kind
    label: str
    value: str = ""
    required: bool = False
    hint: str = ""
    choices: tuple[str, ...] = ()
    input_type: str = "text"
    minimum: Json = None
    maximum: Json = None
    pattern: str = ""
    max_length: int | None = None
    errors: tuple[str, ...] = ()
    fields: tuple["Field", ...] = ()

    @property
    def name(self) -> str:
        """The name of the input."""
        return f"{PREFIX}.{self.path}"

    @property
    def id(self) -> str:
        """The id of the input."""
        return f"arg-{self.path.replace('.', '-')}"

    @property
    def checked(self) -> bool:
        """True for a box that is ticked."""
        return self.value == "true"


def fields(schema: Schema, value: Mapping[str, Json], errors: Mapping[str, list[str]] | None = None) -> list[Field]:
    """Make the inputs for a value.

    Args:
        schema: the JSON schema of the arguments, an object.
        value: the arguments as they are, or as the reviewer last sent them.
        errors: messages by dotted path, from the judge of the arguments.
    """
    return list(_object_fields(schema, schema, value, errors or {}, ""))


def read(schema: Schema, sent: Mapping[str, str]) -> tuple[dict[str, Json], dict[str, list[str]]]:
    """Read the arguments out of what a form sent.

    Returns: the arguments, and messages by dotted path for what could not be read at all.
    """
    problems: dict[str, list[str]] = {}
    return _read_object(schema, schema, sent, problems, ""), problems


def _resolved(root: Schema, schema: Schema) -> tuple[Schema, bool]:
    """Follow references and take null out of a union; the flag says that null is allowed."""
    if "$ref" in schema:
        target: Any = root
        for part in str(schema["$ref"]).removeprefix("#/").split("/"):
            target = target[part]
        schema = {**target, **{key: schema[key] for key in ("title", "description", "default") if key in schema}}
    options = [option for option in schema.get("anyOf", []) if option.get("type") != "null"]
    if "anyOf" in schema and len(options) == 1:
        inner, _ = _resolved(root, options[0])
        kept = {key: schema[key] for key in ("title", "description", "default") if key in schema}
        return {**inner, **kept}, len(options) < len(schema["anyOf"])
    return schema, False


def _kind(root: Schema, schema: Schema, nullable: bool, depth: int) -> Kind:
    declared = schema.get("type")
    if "enum" in schema and all(isinstance(choice, str) for choice in schema["enum"]):
        return "choice"
    if declared == "boolean":
        return "choice" if nullable else "boolean"
    if declared == "array" and _resolved(root, schema.get("items", {}))[0].get("type") in SCALARS:
        return "list"
    if declared == "object" and schema.get("properties") and not nullable and depth < DEPTH:
        return "group"
    return {"integer": "integer", "number": "number", "string": "text"}.get(str(declared), "json")  # type: ignore[return-value]  # the three values are kinds


def _shown(value: Json, kind: Kind) -> str:
    if value is None:
        return ""
    if kind == "list" and isinstance(value, list):
        return "\n".join(item if isinstance(item, str) else json.dumps(item) for item in value)
    if kind == "json":
        return json.dumps(value, indent=2, ensure_ascii=False)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _object_fields(
    root: Schema, schema: Schema, value: Mapping[str, Json], errors: Mapping[str, list[str]], prefix: str
) -> Iterator[Field]:
    required = set(schema.get("required", ()))
    for name, declared in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        given = value.get(name, declared.get("default"))
        yield _field(root, declared, given, errors, path, name in required)


def _field(root: Schema, declared: Schema, given: Json, errors: Mapping[str, list[str]], path: str, required: bool) -> Field:
    schema, nullable = _resolved(root, declared)
    kind = _kind(root, schema, nullable, path.count(".") + 1)
    shown = _shown(given, kind)
    if kind == "text" and (len(shown) > LONG or "\n" in shown or schema.get("maxLength", 0) > 4 * LONG):
        kind = "textarea"
    inner: tuple[Field, ...] = ()
    if kind == "group":
        inner = tuple(_object_fields(root, schema, given if isinstance(given, Mapping) else {}, errors, f"{path}."))
    return Field(
        path=path, kind=kind, label=path.rpartition(".")[2], value=shown, required=required and not nullable,
        hint=schema.get("description", ""), choices=_choices(schema, nullable or not required),
        input_type=INPUT_TYPES.get(schema.get("format", ""), "text"), minimum=schema.get("minimum"),
        maximum=schema.get("maximum"), pattern=schema.get("pattern", ""), max_length=schema.get("maxLength"),
        errors=tuple(errors.get(path, ())), fields=inner,
    )  # fmt: skip


def _choices(schema: Schema, may_be_empty: bool) -> tuple[str, ...]:
    declared = tuple(schema.get("enum", ())) or (("true", "false") if schema.get("type") == "boolean" else ())
    return ("", *declared) if may_be_empty and declared else declared


def _read_object(
    root: Schema, schema: Schema, sent: Mapping[str, str], problems: dict[str, list[str]], prefix: str
) -> dict[str, Json]:
    value: dict[str, Json] = {}
    required = set(schema.get("required", ()))
    for name, declared in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        inner, nullable = _resolved(root, declared)
        kind = _kind(root, inner, nullable, path.count(".") + 1)
        if kind == "group":
            value[name] = _read_object(root, inner, sent, problems, f"{path}.")
            continue
        text = sent.get(f"{PREFIX}.{path}")
        if kind != "boolean" and not text and (nullable or name not in required):
            if nullable and "default" not in declared:
                value[name] = None
            continue
        value[name] = _read_value(kind, inner, text or "", path, problems)
    return value


def _read_value(kind: Kind, schema: Schema, text: str, path: str, problems: dict[str, list[str]]) -> Json:
    if kind == "boolean":
        return text in ("true", "on")
    if kind == "list":
        wants_text = schema.get("items", {}).get("type") == "string"
        lines = [line for line in text.replace("\r\n", "\n").split("\n") if line.strip()]
        return [line if wants_text else _json(line, path, problems) for line in lines]
    if kind in ("integer", "number", "json") or schema.get("type") == "boolean":
        return _json(text, path, problems)
    return text.replace("\r\n", "\n")


def _json(text: str, path: str, problems: dict[str, list[str]]) -> Json:
    try:
        return json.loads(text)
    except ValueError:
        problems.setdefault(path, []).append("This cannot be read; write a number or JSON.")
        return text
