"""What can go wrong with a push. Pure."""

from audit.errors import CountersignError


class UnknownPush(CountersignError):
    """There is no target `{name}` that entries are pushed to."""

    code = "unknown_push"
    name: str


class InvalidPush(CountersignError):
    """`{field}` {reason}."""

    code = "invalid_push"
    field: str
    reason: str


class NotPushed(CountersignError):
    """{reason}"""  # noqa: D400  the reason is the sentence

    code = "not_pushed"
    reason: str
    final: bool  # trying again would not help
