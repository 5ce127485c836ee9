"""The canonical bytes of what is asked, and their digest: what a decision binds to.

Pure. RFC 8785. The reviewer is shown what is rendered from these bytes; execution makes them anew from what is about
to run and compares.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import rfc8785

ERASED = b'{"arguments":{}}'
"""What stands in the place of the bytes of a request whose session was deleted on request; its digest stays that of the bytes."""


def canonical_body(  # noqa: PLR0913  each of them is bound
    *,
    request: str,
    revision: int,
    session: str,
    call: str,
    tool: str,
    definition: str,
    tier: str,
    arguments: bytes,
    prompt_version: str,
    precondition: str,
) -> bytes:
    """Return the bytes of a request about a tool call.

    `arguments` are the canonical bytes that will run, and go in as they are: parsing them here would compare what
    they mean and not what they are. Raises ValueError where they are no JSON object's bytes.
    """
    if not (arguments.startswith(b"{") and arguments.endswith(b"}")):
        raise ValueError("arguments must be the canonical bytes of a JSON object")
    rest = rfc8785.dumps(
        {
            "call": call,
            "definition": definition,
            "precondition": precondition,
            "prompt_version": prompt_version,
            "request": request,
            "revision": revision,
            "session": session,
            "tier": tier,
            "tool": tool,
        }
    )
    # "arguments" sorts before all other keys, so the whole is canonical again.
    return b'{"arguments":' + arguments + b"," + rest[1:]


def other_body(*, request: str, revision: int, kind: str, session: str, facts: Mapping[str, Any]) -> bytes:
    """Return the bytes of a request that is not about a tool call's arguments: a question, a budget, a lost outcome."""
    return rfc8785.dumps({"facts": dict(facts), "kind": kind, "request": request, "revision": revision, "session": session})


def digest(body: bytes) -> str:
    """Return the digest of `body`: SHA-256, hex."""
    return hashlib.sha256(body).hexdigest()
