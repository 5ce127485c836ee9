"""A sudden turn of a session that has read untrusted content: to credentials, to places nobody named, to carrying out. Pure.

It compares a planned call with what people said in the session, so a goal that is about passwords may look for them.
What is found is a reason to ask a person; the gate's other findings do not rest on it.
"""

import re
from collections.abc import Iterable, Sequence

from approvals.facts import Origin

MOST = 50_000
"""Characters of one text that are looked at."""
_CREDENTIALS = re.compile(
    r"\b(?:passwords?|passcodes?|passphrases?|credentials?|api[-_ ]?keys?|secret[-_ ]?keys?|private[-_ ]?keys?|ssh[-_ ]?keys?"
    r"|access[-_ ]?tokens?|auth[-_ ]?tokens?|bearer|id_rsa|kennw[oö]rte?r?|passw[oö]rte?r?|zugangsdaten|mots? de passe"
    r"|identifiants|contraseñas?|credenciales|senhas?|parola d’ordine)\b|/etc/(?:passwd|shadow)|\.env\b|\.pem\b"
    r"|парол|密码|密碼|パスワード|비밀번호",
    re.IGNORECASE,
)
_HOST = re.compile(
    r"(?:://(?:[^/\s@]*@)?|[\w.+-]@)([a-z0-9\u00a1-\uffff](?:[a-z0-9\u00a1-\uffff.-]*[a-z0-9\u00a1-\uffff])?)", re.IGNORECASE
)


def shift(
    texts: Iterable[str],
    people: Sequence[str],
    origins: Sequence[Origin],
    *,
    egress: bool,
    writes: bool = False,
    known: Iterable[str] = (),
) -> tuple[str, ...]:
    """Return in what way a call turns from what people asked for; nothing where it does not.

    Args:
        texts: the texts of the call's arguments.
        people: what people and the agent's prompt said in the session.
        origins: where the call's values come from, as far as that is known.
        egress: whether the call can carry something out.
        writes: whether it writes; a text that is kept inside may speak of passwords as the letter did that it answers.
        known: places that policy knows, as hosts or as `@domain`.
    """
    mine = [text[:MOST] for text in texts]
    found = []
    seeks = egress or not writes
    if seeks and any(map(_CREDENTIALS.search, mine)) and not any(_CREDENTIALS.search(text[:MOST]) for text in people):
        found.append("shift_credentials")
    if egress and _strange(mine, people, known):
        found.append("shift_host")
    if egress and any(origin.kind == "result" and not origin.untrusted for origin in origins):
        found.append("shift_exfiltration")
    return tuple(found)


def _strange(texts: Sequence[str], people: Sequence[str], known: Iterable[str]) -> bool:
    """Return whether a host or a mail domain in `texts` stands in nothing that people said, nor in what policy knows."""
    hosts = {host for text in texts for host in hosts_in(text)}
    if not hosts:
        return False
    said = "\n".join(text[:MOST] for text in people).casefold()
    places = tuple(entry.casefold().rpartition("@")[2] for entry in known)
    return any(host not in said and not _within(host, places) for host in hosts)


def hosts_in(text: str) -> set[str]:
    """Return the hosts of addresses and the domains of mail addresses in a text."""
    return {host.casefold().rstrip(".") for host in _HOST.findall(text)}


def _within(host: str, places: Iterable[str]) -> bool:
    return any(host == place or host.endswith(f".{place}") for place in places)
