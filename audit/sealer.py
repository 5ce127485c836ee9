"""The sealer: signs the log every moment, and shows each checkpoint outside. Any number may run; one at a time seals."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from threading import Event

import structlog
from django.db import DatabaseError, InterfaceError, connections

from audit import lag
from audit.errors import CountersignError, LogForked, NoKey, NotPublished, WrongKey
from audit.models import Checkpoint
from audit.note import Signer
from audit.publish import publish
from audit.seal import seal

AGAIN_S = 30.0
"""How long a sealer waits after it found the log forked, before it looks again and says so again."""
SHORTEST_S = 0.05
"""How long it rests at least, however long a look took: others want their turn too."""
MANY = 500
"""Where so many entries came between two looks, the next comes after a quarter of the time: a crowd waits no longer than a few do."""
log = structlog.get_logger(__name__)


class Sealer:
    """Seals until it is told to stop."""

    def __init__(
        self,
        signer: Signer,
        *,
        targets: Sequence[str] = (),
        every_s: float = 1.0,
        using: str = "default",
        renew: Callable[[], Signer] | None = None,
    ) -> None:
        """Take the key, where checkpoints are shown, how often it looks, in seconds, and how it gets a key that took its place."""
        self._signer = signer
        self._renew = renew
        self._shown = dict.fromkeys(targets, 0)
        self._size: int | None = None
        self._every_s = every_s
        self._using = using
        self.stopping = Event()

    def run(self) -> None:
        """Seal and show, again and again; whatever fails is told, and tried again. What a look takes is taken off the rest."""
        rest = 0.0
        while not self.stopping.wait(rest):
            began = time.monotonic()
            rest = max(SHORTEST_S, self.look() + began - time.monotonic())

    def look(self) -> float:
        """Seal and show once; return how many seconds after this look the next is due."""
        try:
            # Who indexes now may have a queue behind it, and takes all that is committed: that is signed the next time.
            checkpoint = seal(self._signer, patience_ms=0, using=self._using)
        except LogForked as forked:
            log.critical("seal.forked", size=forked.size)
            self._alarm(forked.size)
            return AGAIN_S
        except WrongKey as wrong:
            return self._renewed(wrong)
        except (DatabaseError, InterfaceError) as error:
            log.warning("seal.database_lost", error=type(error).__name__)
            connections[self._using].close()
        else:
            if checkpoint is not None:
                self.show(checkpoint)
                return self._every_s / (4 if self._grew(checkpoint.size) >= MANY else 1)
        return self._every_s

    def _grew(self, size: int) -> int:
        """Return by how much the log is longer than at the last look; at the first one nobody knows how long it took."""
        before, self._size = self._size, size
        return 0 if before is None else size - before

    def _alarm(self, size: int) -> None:
        """Have people told of a fork; where even that is not written, the line in the log is what there is."""
        try:
            lag.forked(size, using=self._using)
        except (CountersignError, DatabaseError, InterfaceError) as error:
            log.warning("seal.alarm_not_written", error=type(error).__name__)
            connections[self._using].close()

    def _renewed(self, wrong: WrongKey) -> float:
        """Take the key that is in force now; return how long to wait before sealing with it."""
        try:
            if self._renew is not None and (signer := self._renew()).verifier() != self._signer.verifier():
                self._signer = signer
                log.info("seal.key_changed", key=str(signer.verifier()))
                return 0.0
        except (NoKey, WrongKey) as error:
            wrong = WrongKey(reason=error.detail)
        except (DatabaseError, InterfaceError) as error:
            log.warning("seal.database_lost", error=type(error).__name__)
            connections[self._using].close()
            return self._every_s
        log.critical("seal.wrong_key", reason=wrong.reason)
        return AGAIN_S

    def show(self, checkpoint: Checkpoint) -> None:
        """Show a checkpoint at each target that was not shown it by this process; one that fails is tried the next time."""
        for target, size in self._shown.items():
            if size >= checkpoint.size:
                continue
            try:
                publish(target, checkpoint.note)
            except NotPublished as failed:
                log.warning("seal.not_published", target=target.partition("?")[0], reason=failed.reason)
            else:
                self._shown[target] = checkpoint.size
