"""Parts of addresses: short ids, verdicts, acts. What does not fit is not found, before any view is asked."""

from django.urls import register_converter

from approvals.models import VERDICTS


class _Text:
    def to_python(self, value: str) -> str:
        """Return the part as it stands."""
        return value

    def to_url(self, value: str) -> str:
        """Return the part as it stands."""
        return value


class ApprovalRef(_Text):
    """AP-20418."""

    regex = "AP-[1-9][0-9]{0,17}"


class SessionRef(_Text):
    """S-88123."""

    regex = "S-[1-9][0-9]{0,17}"


class CallPlace(_Text):
    """7.1: the turn, and the place in it."""

    regex = r"[1-9][0-9]{0,8}\.[1-9][0-9]{0,4}"


class Verdict(_Text):
    """What can be said of a request."""

    regex = "|".join(VERDICTS)


class Act(_Text):
    """What can be done to a session."""

    regex = "message|cancel|pause|resume|lift|release|replay|close|webhook|prompt"


class Hand(_Text):
    """What can be done with a request besides deciding it."""

    regex = "claim|release|assign|expiry"


def register() -> None:
    """Make the converters known to Django; called once, by the addresses."""
    register_converter(ApprovalRef, "approval")
    register_converter(SessionRef, "session")
    register_converter(CallPlace, "place")
    register_converter(Verdict, "verdict")
    register_converter(Act, "act")
    register_converter(Hand, "hand")
