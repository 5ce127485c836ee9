"""What is told of a text that is not JSON: where, near which name, and what to do; never the parser's own words."""

import pytest

from audit.canonical import parse
from audit.errors import InvalidJson

TYPED = '{\n  "to": ["a@b.example"],\n  "subject": "Hello"'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (TYPED + '\n  "body": "Hi"\n}', "line 4, column 3, near “subject”: a comma is missing"),
        (TYPED + ",\n}", "line 4, column 1, near “subject”: a name in double quotes has to stand here"),
        (TYPED + ', "body" "Hi"}', "line 3, column 30, near “subject”: a colon is missing"),
        (TYPED + ', "body": }', "near “body”: a value is missing here"),
        (TYPED + ', "body": "Hi}', "near “body”: the text that begins here does not end"),
        (TYPED + ', "body": "Hi\nthere"}', "Write \\n or \\t for it"),
        (TYPED + ', "body": "C:\\dir"}', "a backslash stands alone. Write two for one"),
        (TYPED + ', "body": "\\u12"}', "four hexadecimal digits"),
        (TYPED + "} {}", "something stands after the end"),
        (TYPED + ', "to": []}', "the name “to” stands twice in one object. Keep one of them"),
        ('{"a": NaN}', "NaN is no number of JSON. Write a number or null"),
        ('{"a": ' + "1" * 5000 + "}", "too many digits. Write it as a text"),
        ("  ", "it is empty"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_what_to_do(text: str, told: str) -> None:
    with pytest.raises(InvalidJson) as refused:
        parse(text)
    assert told in refused.value.reason
    assert not any(word in refused.value.reason for word in ("Expecting", "delimiter", "char ", "sys."))
