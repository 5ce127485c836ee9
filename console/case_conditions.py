"""What arguments have to be, as lines that people write: `to.0 equals "kim@halden.example"`. Pure.

One condition a line: where the value stands, how it is compared, and with what; `absent` needs no value. A value is JSON where it
reads as JSON, else the text itself. What cannot be read is left for the model of cases to complain about.
"""

import json
from collections.abc import Mapping
from typing import Any

OPERATORS = ("equals", "contains", "like", "one_of", "at_least", "at_most", "absent")
TEXTS = ("contains", "like")


def lines_of(arguments: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the conditions of a stored expectation, one a line."""
    return "\n".join(
        f"{path} {name}" if name == "absent" else f"{path} {name} {_written(name, value)}"
        for path, said in arguments.items()
        for name, value in said.items()
    )


def conditions_of(text: str) -> dict[str, dict[str, Any]]:
    """Return the conditions that lines say, by path, right or wrong."""
    found: dict[str, dict[str, Any]] = {}
    for line in text.replace("\r", "").split("\n"):
        path, _, rest = line.strip().partition(" ")
        if path:
            name, _, value = rest.strip().partition(" ")
            found.setdefault(path, {}).update({name: _read(name, value.strip())} if name else {})
    return found


def _written(name: str, value: Any) -> str:
    if name in TEXTS and isinstance(value, str) and value == value.strip() and not value.startswith('"') and "\n" not in value:
        return value
    return json.dumps(value, ensure_ascii=False)


def _read(name: str, value: str) -> Any:
    if name == "absent":
        return value or True
    try:
        found = json.loads(value)
    except ValueError:
        return value
    return value if name in TEXTS and not isinstance(found, str) else found
