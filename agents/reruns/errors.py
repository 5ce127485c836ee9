"""What can go wrong with re-runs. Each has a code; HTTP statuses are the console's."""

from typing import ClassVar

from agents.errors import AgentsError


class UnknownRerun(AgentsError):
    """There is no re-run `{ref}`."""

    code: ClassVar[str] = "unknown_rerun"


class RerunEnded(AgentsError):
    """{ref} has ended already."""

    code: ClassVar[str] = "rerun_ended"
