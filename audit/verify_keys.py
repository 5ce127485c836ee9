"""Whether each checkpoint that is kept is signed by the log's key: the one that SEAL_PUBLIC_KEY names, or one that it leads to.

Where no key is named and this process may not read the sealer's, nothing is checked; `trusted_keys` is empty then, and whoever
tells of a verification says so.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings

from audit import keys
from audit.errors import NoKey
from audit.key_chain import KeyChain
from audit.models import Checkpoint
from audit.note import BadNote, Note, Verifier
from audit.rotation import NOT_YET, rotations
from audit.verify_entry import Found

CHUNK = 500


def trusted_keys() -> tuple[Verifier, ...]:
    """Return the keys by which signatures are checked here. Raises BadNote where SEAL_PUBLIC_KEY is none."""
    if settings.SEAL_PUBLIC_KEY:
        return tuple(Verifier.of(text) for text in settings.SEAL_PUBLIC_KEY)
    try:
        return (keys.read(settings.SEAL_KEY).verifier(),)
    except NoKey:
        return ()


def check_signatures(*, after: int = 0, upto: int = NOT_YET, using: str = "default") -> Found | None:
    """Check every checkpoint above a size, up to another; return the first that is not signed by a key that is trusted for it."""
    return next(unsigned(after=after, upto=upto, using=using), None)


def unsigned(*, after: int = 0, upto: int = NOT_YET, using: str = "default") -> Iterator[Found]:
    """Yield checkpoints above a size, up to another, that are not signed by a key that is trusted for them, by size."""
    trusted = trusted_keys()
    if not trusted:
        return
    try:
        chain = KeyChain(rotations(using), trusted)
    except BadNote as error:
        yield Found("", None, None, str(error), after)
        return
    kept = Checkpoint.objects.using(using).filter(size__gt=after, size__lte=upto).order_by("size").values_list("size", "note")
    for size, note in kept.iterator(chunk_size=CHUNK):
        try:
            chain.signer(Note.of(note), size)
        except BadNote as error:
            yield Found("", None, None, str(error), size)
