"""A session's files and the memory of sessions, agents and principals, as the tools see them.

Every write carries the key of the call that makes it: the same call again finds what it wrote. What is written while
the session is tainted stays untrusted when it is read.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Max, Q, Sum
from django.db.models.functions import Now

from agents.models.library import Memory, WorkspaceFile
from agents.tools.errors import ApiError, InvalidInput
from agents.tools.paths import clean_path

FILE_BYTES = 256 * 1024
WORKSPACE_BYTES = 8 * 1024 * 1024
FILE_VERSIONS = 500
MEMORY_CHARACTERS = 4_000
MEMORIES = 500


@dataclass(frozen=True, slots=True)
class Workspace:
    """The files of one session."""

    session_id: UUID
    key: str
    tainted: bool = False

    def read(self, path: str) -> WorkspaceFile:
        """Return the newest version; raise InvalidInput if there is none, naming the files that there are."""
        found = self._newest(clean_path(path))
        if found is None:
            names = ", ".join(self.paths()[:20]) or "none yet"
            raise InvalidInput(f"There is no file {path!r} in this session.", hint=f"Files here: {names}.")
        return found

    def write(self, path: str, content: str) -> WorkspaceFile:
        """Add a version and return it; the same call again returns the version it made.

        Raises InvalidInput for a bad path or where a size bound is passed, ApiError where another writer won.
        """
        path = clean_path(path)
        data = content.encode()
        if len(data) > FILE_BYTES:
            raise InvalidInput(f"A file holds at most {FILE_BYTES} bytes; this is {len(data)}.")
        sha256 = hashlib.sha256(data).hexdigest()
        key = f"{self.key}:{path}:{sha256}"
        made = WorkspaceFile.objects.filter(key=key).first()
        if made is not None:
            return made
        self._check_room(len(data))
        try:
            with transaction.atomic():
                return self._add(path, content, len(data), sha256, key)
        except IntegrityError as error:
            raise ApiError(f"Another call wrote {path!r} at the same time; read it again.") from error

    def paths(self) -> list[str]:
        """Return the names of the session's files."""
        rows = WorkspaceFile.objects.filter(session_id=self.session_id).values_list("path", flat=True)
        return sorted(set(rows))

    def _add(self, path: str, content: str, size: int, sha256: str, key: str) -> WorkspaceFile:
        newest = self._newest(path)
        return WorkspaceFile.objects.create(
            session_id=self.session_id,
            path=path,
            version=newest.version + 1 if newest else 1,
            content=content,
            size=size,
            sha256=sha256,
            key=key,
            trust="untrusted" if self.tainted else "trusted",
        )

    def _newest(self, path: str) -> WorkspaceFile | None:
        return WorkspaceFile.objects.filter(session_id=self.session_id, path=path).order_by("-version").first()

    def _check_room(self, size: int) -> None:
        rows = WorkspaceFile.objects.filter(session_id=self.session_id)
        used = rows.aggregate(bytes=Sum("size"), newest=Max("version"))
        if (used["bytes"] or 0) + size > WORKSPACE_BYTES or (used["newest"] or 0) >= FILE_VERSIONS:
            raise InvalidInput("This session's workspace is full.")


@dataclass(frozen=True, slots=True)
class MemoryStore:
    """What was saved on purpose. `owners` names whose memory each scope is; a scope without an owner is closed."""

    owners: Mapping[str, str]
    session: str
    tainted: bool = False

    def save(self, scope: str, name: str, value: str) -> None:
        """Keep a fact under a name, in place of an earlier one; raise InvalidInput where that is not possible."""
        owner = self._owner(scope)
        if len(value) > MEMORY_CHARACTERS:
            raise InvalidInput(f"A memory holds at most {MEMORY_CHARACTERS} characters.")
        rows = Memory.objects.filter(scope=scope, owner=owner)
        if rows.count() >= MEMORIES and not rows.filter(name=name).exists():
            raise InvalidInput(f"At most {MEMORIES} facts are kept here; replace one of them.")
        values = {
            "value": value,
            "trust": "untrusted" if self.tainted else "trusted",
            "session": self.session,
            "updated_at": Now(),
        }
        Memory.objects.update_or_create(scope=scope, owner=owner, name=name, defaults=values)

    def forget(self, scope: str, name: str) -> bool:
        """Take a fact out of a memory; return whether it was there. Raises InvalidInput for a scope that is closed."""
        gone, _ = Memory.objects.filter(scope=scope, owner=self._owner(scope), name=name).delete()
        return gone > 0

    def find(self, words: str, limit: int) -> Sequence[Memory]:
        """Return facts of all open scopes, those with most of the words first; where none has any, the newest."""
        mine = Q()
        for scope, owner in self.owners.items():
            if owner:
                mine |= Q(scope=scope, owner=owner)
        rows = list(Memory.objects.filter(mine).order_by("-updated_at", "name")[:MEMORIES]) if mine else []
        asked = words.casefold().split()[:20]
        held = {row.pk: sum(word in f"{row.name} {row.value}".casefold() for word in asked) for row in rows}
        fitting = sorted((row for row in rows if held[row.pk]), key=lambda row: -held[row.pk])
        return (fitting or rows)[:limit]

    def _owner(self, scope: str) -> str:
        owner = self.owners.get(scope, "")
        if not owner:
            raise InvalidInput(f"This session has no memory of the scope {scope!r}.")
        return owner
