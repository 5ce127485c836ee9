"""The states of an export. Pure."""

from audit.lifecycle import Lifecycle

EXPORT = Lifecycle(
    model="audit.Export",
    rank=27,
    start="queued",
    moves={
        ("queued", "claim"): "running",
        ("running", "claim"): "running",  # taken over: the lease of a dead worker ran out
        ("running", "progress"): "running",  # a part of the file was written
        ("running", "release"): "queued",  # given back: its worker leaves, or the log is not signed that far yet
        ("running", "finish"): "ready",
        ("running", "fail"): "failed",
        ("queued", "cancel"): "cancelled",
        ("running", "cancel"): "cancelled",
        ("ready", "expire"): "expired",  # its time is over, or somebody deleted the file
    },
)
OPEN = ("queued", "running")
