"""What can go wrong with checks and drills, for whoever called."""

from typing import ClassVar

from agents.errors import AgentsError


class BeingChecked(AgentsError):
    """The rows are being held against the log right now. Try again in a moment."""

    code: ClassVar[str] = "being_checked"


class UnknownTampering(AgentsError):
    """`{name}` is no way to tamper that can be drilled. Choose one of {known}."""

    code: ClassVar[str] = "unknown_tampering"


class NothingToDrill(AgentsError):
    """No session has a call that people decided, and that a checkpoint covers, to copy for a drill. Decide one first."""

    code: ClassVar[str] = "nothing_to_drill"
