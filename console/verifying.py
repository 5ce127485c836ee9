"""Verifying the log on somebody's demand: the one function that page and API call. Who may is the caller's to check."""

from threading import BoundedSemaphore

from django.conf import settings

from agents.queue import verify_soon
from audit import feed
from audit.errors import InvalidCheckpoint
from audit.key_chain import KeyChain
from audit.models import VerificationRun
from audit.note import BadNote, Checkpoint, Note, Verifier
from audit.rotation import rotations
from audit.seal import origin
from audit.verifications import SMALL, begin, finished, verify_stream
from console.auth import Caller
from console.errors import TooMany

AT_ONCE = BoundedSemaphore(2)  # each reads the log
UNSIGNED = "The checkpoint's signature was not checked: SEAL_PUBLIC_KEY does not say which key is trusted."


def verify_now(caller: Caller, *, stream: str = "", since: str = "") -> VerificationRun:
    """Verify the whole log, one stream, or what follows a checkpoint that is trusted, and return what came of it.

    A log that takes long is verified in the background: what is returned is open then, and says how far it is. Raises
    TooMany, AlreadyVerifying, UnknownStream, InvalidCheckpoint.
    """
    if not AT_ONCE.acquire(blocking=False):
        raise TooMany(retry_after_s=10)
    try:
        if stream:
            return verify_stream(stream, caller.actor())
        if not since:
            return _soon_or_now(begin("whole", caller.actor()))
        said, remark = trusted(since)
        return _soon_or_now(begin("since", caller.actor(), since=said.size, since_root=said.root.hex(), remark=remark))
    finally:
        AT_ONCE.release()


def trusted(text: str) -> tuple[Checkpoint, str]:
    """Return what a signed note says of this log, and what of it could not be checked. Raises InvalidCheckpoint."""
    try:
        note = Note.of(text.replace("\r\n", "\n").strip() + "\n")
        said = Checkpoint.of(note.text)
        keys = [Verifier.of(key) for key in settings.SEAL_PUBLIC_KEY]
        signed = not keys or KeyChain(rotations(), keys).signs(note, said.size)
    except BadNote as error:
        raise InvalidCheckpoint(reason=str(error)) from error
    if said.origin != origin():
        raise InvalidCheckpoint(reason=f"it is of another log, {said.origin}")
    if not 1 <= said.size < 2**62:
        raise InvalidCheckpoint(reason="it is of no entry")
    if not signed:
        raise InvalidCheckpoint(reason="it is not signed by a key that SEAL_PUBLIC_KEY names")
    return said, "" if keys else UNSIGNED


def _soon_or_now(run: VerificationRun) -> VerificationRun:
    if min(run.upto, feed.head()) - run.place <= SMALL:
        return finished(run)
    verify_soon()
    return run
