"""What can be wrong with rules, holds and deletions of raw content. Pure."""

from audit.errors import CountersignError


class InvalidRetention(CountersignError):
    """`{field}` {reason}."""

    code = "invalid_retention"
    field: str
    reason: str


class StaleRetention(CountersignError):
    """The rule of {cls} was changed since you were shown it. Look again."""

    code = "stale_retention"
    cls: str


class UnknownHold(CountersignError):
    """There is no such hold, or it was lifted."""

    code = "unknown_hold"


class TooManyHolds(CountersignError):
    """There are {most} holds, which is the most. Lift one first."""

    code = "too_many_holds"
    most: int


class ContentHeld(CountersignError):
    """Nothing was deleted: {told} held, because: {reason}"""  # noqa: D400  the reason ends the sentence

    code = "content_held"
    told: str
    reason: str
