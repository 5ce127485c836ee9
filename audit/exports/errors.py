"""What can go wrong with exports. Each has a code; HTTP statuses are the console's. Pure."""

from datetime import datetime

from audit.errors import CountersignError


class UnknownExport(CountersignError):
    """There is no export {ref}."""

    code = "unknown_export"
    ref: str


class ExportEnded(CountersignError):
    """{ref} is {status}: there is nothing to cancel and no file to delete."""

    code = "export_ended"
    ref: str
    status: str


class ExportNotReady(CountersignError):
    """{ref} is {status}: it has no file that could be given."""

    code = "export_not_ready"
    ref: str
    status: str


class ExportGone(CountersignError):
    """The file of {ref} was deleted at {at}; what was in it stands in the log. Ask for it again."""

    code = "export_gone"
    ref: str
    at: datetime


class TooManyExports(CountersignError):
    """No more exports can be asked for now: {reason}."""

    code = "too_many_exports"
    reason: str


class InvalidExport(CountersignError):
    """`{field}` {reason}; nothing is exported."""

    code = "invalid_export"
    field: str
    reason: str
