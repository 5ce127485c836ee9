"""Errors of reaching people."""

from audit.errors import CountersignError


class NotDelivered(CountersignError):
    """{reason}"""  # noqa: D400  the reason is the sentence

    code = "not_delivered"
    reason: str
    final: bool  # trying again would not help


class UnknownCallback(CountersignError):
    """There is no such webhook message of this session."""

    code = "unknown_callback"


class ChatRefused(CountersignError):
    """{reason}"""  # noqa: D400  the reason is the sentence

    code = "chat_refused"
    reason: str


class LinkExpired(CountersignError):
    """This link is too old. Sign in and find what it named with Ctrl+K."""

    code = "link_expired"


class UnknownLink(CountersignError):
    """This is no link of this installation."""

    code = "unknown_link"
