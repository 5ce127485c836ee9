"""Repeated requests: the same Idempotency-Key and body give the same answer, for a day.

The key's row is written first in the transaction that does the work. A duplicate that comes meanwhile waits on its
unique index and then reads the stored answer; if the work failed, row and work are gone together and it is done anew.
Answers are encrypted under the client's key and the installation's secret: the table alone tells nothing.
"""

import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from cryptography.fernet import Fernet
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac

from audit.atomically import atomically
from console.auth import Caller
from console.errors import IdempotencyKeyReused, InvalidIdempotencyKey, RequestInProgress
from console.models import StoredAnswer

Work = Callable[[], str | tuple[int, str]]
_FORM = re.compile(r"[!-~]{1,200}\Z")
_INSERT = """
INSERT INTO console_storedanswer (caller, key_hash, request_hash, status, body) VALUES (%s, %s, %s, NULL, '')
ON CONFLICT (caller, key_hash) DO NOTHING RETURNING id
"""
_SWEEP = """
DELETE FROM console_storedanswer WHERE id IN (
    SELECT id FROM console_storedanswer WHERE created_at < now() - interval '24 hours' LIMIT 50 FOR UPDATE SKIP LOCKED)
"""


@dataclass(frozen=True, slots=True)
class Once:
    """One request that carries a key: who sent it, the key, and what it asks."""

    caller: str
    key: str
    key_hash: str
    request_hash: str

    def cipher(self) -> Fernet:
        """Return the cipher of its answer, which needs the client's key and the installation's secret."""
        digest = salted_hmac("console.idempotency", self.key, secret=settings.SECRET_KEY, algorithm="sha256").digest()
        return Fernet(urlsafe_b64encode(digest))


def once_of(request: HttpRequest, caller: Caller) -> Once | None:
    """Return what the request's key stands for, None without one; raises InvalidIdempotencyKey."""
    key = request.headers.get("Idempotency-Key")
    if key is None:
        return None
    if not _FORM.fullmatch(key):
        raise InvalidIdempotencyKey
    asked = b"\n".join([str(request.method).encode(), request.get_full_path().encode(), request.body])
    who = f"token:{caller.token}" if caller.token else f"user:{caller.user_id}"
    return Once(who, key, sha256(key.encode()).hexdigest(), sha256(asked).hexdigest())


def answer_once(once: Once, work: Work, status: int) -> HttpResponse:
    """Do the work in one transaction with its key, or give the answer that the key already has.

    `work` returns the JSON text of the answer, with its status where that is not the usual one. Raises IdempotencyKeyReused,
    RequestInProgress, and what `work` raises.
    """

    @atomically
    def taken() -> HttpResponse:
        if not _take(once):
            return _stored(once)
        said, body = said_by(work(), status)
        _keep(once, said, body)
        return _answer(body, said)

    return taken()


def answer_apart(once: Once, work: Work, status: int) -> HttpResponse:
    """As `answer_once`, for work in transactions of its own that changes nothing when it is done again."""
    if StoredAnswer.objects.filter(caller=once.caller, key_hash=once.key_hash).exists():
        return _stored(once)
    body = work()
    return answer_once(once, lambda: body, status)


def said_by(answer: str | tuple[int, str], usual: int) -> tuple[int, str]:
    """Return the status and the text of an answer."""
    return (usual, answer) if isinstance(answer, str) else answer


def replace_answer(once: Once, status: int, body: str) -> HttpResponse:
    """Keep a later answer instead: that of a request which waited after its transaction."""
    _keep(once, status, body)
    return _answer(body, status)


def _take(once: Once) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_SWEEP)
        cursor.execute("SET LOCAL lock_timeout = '15s'")
        try:
            with transaction.atomic():
                cursor.execute(_INSERT, [once.caller, once.key_hash, once.request_hash])
                taken = cursor.fetchone() is not None
        except OperationalError as error:
            raise RequestInProgress from error
        cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
    return taken


def _keep(once: Once, status: int, body: str) -> None:
    StoredAnswer.objects.filter(caller=once.caller, key_hash=once.key_hash).update(
        status=status, body=once.cipher().encrypt(body.encode())
    )


def _stored(once: Once) -> HttpResponse:
    row = StoredAnswer.objects.get(caller=once.caller, key_hash=once.key_hash)
    if row.request_hash != once.request_hash:
        raise IdempotencyKeyReused
    answer = _answer(once.cipher().decrypt(bytes(row.body)).decode(), row.status or 200)
    answer.headers["Idempotency-Replayed"] = "true"
    return answer


def _answer(body: str, status: int) -> HttpResponse:
    return HttpResponse(body, status=status, content_type="application/json")
