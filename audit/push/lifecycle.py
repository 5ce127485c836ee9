"""The states of a target of the push. Pure."""

from audit.lifecycle import Lifecycle

PUSH = Lifecycle(
    model="audit.PushTarget",
    rank=20,
    start="active",  # entries are sent to it
    moves={
        ("active", "pause"): "paused",
        ("paused", "resume"): "active",
        ("active", "stop"): "stopped",  # it failed too often; a person looks and resumes it
        ("stopped", "resume"): "active",
        **{(state, "rewind"): state for state in ("active", "paused", "stopped")},  # sent again from an earlier entry
        **{(state, "rotate"): state for state in ("active", "paused", "stopped")},  # a new secret
        **{(state, "end"): "ended" for state in ("active", "paused", "stopped")},
    },
)
