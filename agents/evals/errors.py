"""What can go wrong with suites, cases and runs. Each has a code; HTTP statuses are the console's."""

from typing import ClassVar

from agents.errors import AgentsError


class UnknownSuite(AgentsError):
    """There is no suite `{slug}`."""

    code: ClassVar[str] = "unknown_suite"


class SuiteExists(AgentsError):
    """There is a suite `{slug}` already, or was; take another name."""

    code: ClassVar[str] = "suite_exists"


class StaleSuite(AgentsError):
    """The suite {slug} has changed since you were shown it. Look again."""

    code: ClassVar[str] = "stale_suite"


class UnknownCase(AgentsError):
    """The suite {slug} has no case `{name}`."""

    code: ClassVar[str] = "unknown_case"


class StaleCase(AgentsError):
    """The case {name} has changed since you were shown it. Look again."""

    code: ClassVar[str] = "stale_case"
    revision: int  # the one that is there now; 0 where it was taken out


class CaseExists(AgentsError):
    """The suite {slug} has a case `{name}` already; take another name."""

    code: ClassVar[str] = "case_exists"


class BadCase(AgentsError):
    """The case is not valid: {problem}."""

    code: ClassVar[str] = "invalid_case"
    errors: list[dict[str, str]]


class UnknownRun(AgentsError):
    """There is no run `{ref}`."""

    code: ClassVar[str] = "unknown_run"


class RunEnded(AgentsError):
    """{ref} has ended already."""

    code: ClassVar[str] = "run_ended"
