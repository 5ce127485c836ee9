"""What a run of the benchmark may be told: how much of each work to do."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """How much is measured. The defaults are what the table of figures asks for."""

    sessions: int = 300  # a round of fifty at once
    rounds: int = 3
    crowd: int = 900  # sessions of which 300 run at once
    decisions: int = 80
    moving: int = 200  # sessions that run with a version which is rolled back
    paused: int = 5000
    long: int = 6  # sessions of 208 turns
    waiting: int = 10_000  # requests in the queue
    decided: int = 1_000_000  # requests that people decided before
    looks: int = 40  # at each page
    sockets: int = 200
    pages: int = 20  # of the sockets, those of real browsers
    burst_s: int = 30
    bundled: int = 100_000  # entries of the bundle that is verified
    cases: int = 200  # of a suite, each played three times
    entries: int = 200_000  # of the audit trail
    folder: str = ""  # where the filled audit trail is kept, so that it is measured again without being filled again
