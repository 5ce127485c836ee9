"""What can go wrong with grading. Each has a code; HTTP statuses are the console's."""

from typing import ClassVar

from agents.errors import AgentsError


class UnknownRubric(AgentsError):
    """There is no rubric `{slug}`."""

    code: ClassVar[str] = "unknown_rubric"


class BadRubric(AgentsError):
    """The rubric is not valid: {problem}."""

    code: ClassVar[str] = "invalid_rubric"
    errors: list[dict[str, str]]


class StaleRubric(AgentsError):
    """The rubric {slug} has changed since you were shown it. Look again."""

    code: ClassVar[str] = "stale_rubric"


class StaleRule(AgentsError):
    """What is graded of {key} has changed since you were shown it. Look again."""

    code: ClassVar[str] = "stale_grading_rule"


class UnknownItem(AgentsError):
    """There is nothing to grade called `{ref}`."""

    code: ClassVar[str] = "unknown_grading_item"


class InOtherHands(AgentsError):
    """{name} grades {ref} now."""

    code: ClassVar[str] = "grading_claimed"


class NotGradable(AgentsError):
    """{ref} cannot be {what}: it is {status}."""

    code: ClassVar[str] = "not_gradable"


class NothingToGrade(AgentsError):
    """Nothing waits to be graded by you."""

    code: ClassVar[str] = "nothing_to_grade"


class BadGrade(AgentsError):
    """The grade is not valid: {problem}."""

    code: ClassVar[str] = "invalid_grade"
    errors: list[dict[str, str]]
