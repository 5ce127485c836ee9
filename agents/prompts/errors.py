"""What can go wrong where a release waits for a second person; the rest is in `agents.errors`."""

from typing import ClassVar

from agents.errors import AgentsError


class NothingAsked(AgentsError):
    """No release of the prompt {slug} waits for a second person."""

    code: ClassVar[str] = "nothing_asked"
