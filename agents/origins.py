"""Where each value of a call's arguments first appeared: with a person, in a tool's answer, or nowhere but with the model.

Pure, and never told by the model. Both sides are brought into one form first (Unicode NFKC, case, white space, the
punctuation around words and inside numbers), and whole words are compared. A person's words count wherever else they
stand. A trusted answer counts only for what stood there before the model or untrusted content said it, so that nothing
becomes trusted by being written somewhere and read back. Everything that is found nowhere was written by the model:
paraphrased, encoded, put together or computed, it makes no difference.

The cost is linear: every text is brought into its form once, a long value is compared by runs of words.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from approvals.facts import Origin, OriginKind

RUN = 5
"""Words that stand in the same order elsewhere are a quote."""
SHORTEST = 3
"""A shorter text stands somewhere by chance."""
PIECE = 5
"""So much of an address that untrusted content holds tells where it comes from."""
HALF = 50
THOUSAND, LONG_NUMBER = 3, 7
"""Digits of a group; digits of a telephone or account number, which people group as they like."""
MOST_VALUES, MOST_NAMES = 100, 40
LONGEST = 50_000
"""Characters of one text that are compared; what comes after them counts as the model's."""
LONGEST_CONVERSATION = 200_000
"""Characters of answers and of the model's words that are compared, the oldest first; messages of people always."""
UNREAD = "… "  # stands in no compared form
PEOPLE = frozenset({"operator", "user", "reviewer"})

_UNSEEN = re.compile(r"[\u00ad\u034f\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff\U000e0000-\U000e01ef]")
_GAP = re.compile(r"(?<=\d)[\u00a0\u202f\u2009’](?=\d{3}(?!\d))")
_NUMBER = re.compile(r"(?<![\w@.,\-/])\d+(?:[.,\-/]\d+)+(?![\w@]|[.,\-/]\w)")
_GROUPED = re.compile(r"[1-9]\d{0,2}(?:([.,])\d{3})(?:\1\d{3})*(?:[.,]\d{1,2})?")
_DATE = re.compile(r"(\d{4})[./-](\d{1,2})[./-](\d{1,2})")
_WORD = re.compile(r"[^\s\"“”„‘«»()\[\]{}<>,;|*`…=]+")
_EDGES = ".:!?'’_–—-/"
_NAMING = re.compile(r"@|://|\w\.\w\w|\d{5}")
_PIECES = re.compile(r"[/?&=:#@]+")


@dataclass(frozen=True, slots=True)
class Source:
    """One text of a session in its compared form, and who wrote it. Texts of the model are sources too."""

    text: str
    kind: OriginKind
    label: str = ""
    trusted: bool = True
    call: str = ""
    ref: str = ""


def plain(text: str) -> str:
    """Return the compared form: words in lower case between single spaces, with a space at both ends."""
    if not text.isascii():
        text = _UNSEEN.sub("", unicodedata.normalize("NFKC", _GAP.sub("", text)))
    text = _NUMBER.sub(_number, text.casefold())
    words = [word.strip(_EDGES) for word in _WORD.findall(text)]
    return f" {' '.join(filter(None, words))} "


def trace(
    arguments: Mapping[str, Any], sources: Sequence[Source], *, filled: Iterable[str] = (), edited: Iterable[str] = ()
) -> tuple[Origin, ...]:
    """Return the origin of every value in `arguments`, in their order.

    Args:
        arguments: the validated arguments.
        sources: the texts of the session in the order in which they appeared.
        filled: paths that validation filled in, as the tool declares them.
        edited: paths that a reviewer changed.
    """
    ours: dict[str, OriginKind] = {**dict.fromkeys(edited, "reviewer"), **dict.fromkeys(filled, "operator")}
    labels = {"reviewer": "A reviewer", "operator": "The tool’s default"}
    found = []
    for place, (path, value) in enumerate(_values("", arguments)):
        if place == MOST_VALUES:
            found.append(Origin(path="…", kind="model", own=100))
            break
        around = (path[:end] for end in [*(i for i, sign in enumerate(path) if sign == "."), len(path)])
        kind = next((ours[name] for name in around if name in ours), None)
        found.append(
            _origin(path, value, sources) if kind is None else Origin(path=path, kind=kind, label=labels[kind], share=100)
        )
    return tuple(found)


def _values(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Give the single values with their paths; what is empty carries nothing."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _values(f"{path}.{name}" if path else str(name), part)
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield from _values(f"{path}.{place}", part)
    elif value not in (None, ""):
        yield path, value


def _origin(path: str, value: Any, sources: Sequence[Source]) -> Origin:
    if isinstance(value, bool):
        return Origin(path=path, kind="model", own=100)
    text = str(value)
    needle = plain(text[:LONGEST]) + (UNREAD if len(text) > LONGEST else "")
    words = needle.split()
    if words and (source := _first(needle, sources, by_chance=len(needle) - 2 < SHORTEST)) is not None:
        return _from(path, source, prose=len(words) > 2 * RUN)
    if len(words) >= RUN:
        return _prose(path, words, sources)
    return _part(path, words, sources) or Origin(path=path, kind="model", own=100)


def _first(needle: str, sources: Sequence[Source], *, by_chance: bool = False) -> Source | None:
    """Return who said it first, a person before all others. What is short counts only where a person said it."""
    person = next((source for source in sources if _is_person(source) and needle in source.text), None)
    if person is not None or by_chance:
        return person
    return next((source for source in sources if needle in source.text), None)


def _is_person(source: Source) -> bool:
    return source.trusted and source.kind in PEOPLE


def _from(path: str, source: Source, *, share: int = 100, own: int = 0, prose: bool = False) -> Origin:
    return Origin(
        path=path, kind=source.kind, label=source.label, call=source.call, ref=source.ref, untrusted=not source.trusted,
        share=share, own=100 if source.kind == "model" else own, prose=prose,
    )  # fmt: skip


def _part(path: str, words: Sequence[str], sources: Sequence[Source]) -> Origin | None:
    """Return the untrusted content that holds a part of an address, a host or a number which nobody else wrote whole."""
    for piece in [piece for word in words for piece in _PIECES.split(word)][:MOST_NAMES]:
        if len(piece) >= PIECE and not piece.isalpha():
            source = _first(piece, sources)
            if source is not None and not source.trusted:
                share = _percent(len(piece), len("".join(words)))
                return _from(path, source, share=share, own=100 - share)
    return None


def _prose(path: str, words: list[str], sources: Sequence[Source]) -> Origin:
    """Compare a long text run by run, and the names in it by themselves; the largest untrusted source stands for it."""
    runs: dict[tuple[str, ...], list[int]] = {}
    for place, run in enumerate(_runs(words)):
        runs.setdefault(run, []).append(place)
    by: list[Source | None] = [None] * len(words)
    for source in sorted(sources, key=lambda source: not _is_person(source)):
        for run in runs.keys() & _runs(source.text.split()):
            for start in runs[run]:
                by[start : start + RUN] = [known or source for known in by[start : start + RUN]]
    for place in [place for place, word in enumerate(words) if by[place] is None and _NAMING.search(word)][:MOST_NAMES]:
        by[place] = _first(f" {words[place]} ", sources)
    return _shares(path, by)


def _runs(words: list[str]) -> Iterator[tuple[str, ...]]:
    return zip(*(words[start:] for start in range(RUN)), strict=False)


def _shares(path: str, by: Sequence[Source | None]) -> Origin:
    """Say whose most of a text is: untrusted content before all others, then whoever wrote more than the model."""
    counts: dict[Source, int] = {}
    for source in by:
        if source is not None and source.kind != "model":
            counts[source] = counts.get(source, 0) + 1
    own = _percent(len(by) - sum(counts.values()), len(by))
    untrusted = [source for source in counts if not source.trusted]
    main = max(untrusted or counts, key=counts.__getitem__, default=None)
    if main is None or (own > HALF and not untrusted):
        return Origin(path=path, kind="model", own=own, share=own, prose=True)
    return _from(path, main, share=_percent(counts[main], len(by)), own=own, prose=True)


def _percent(part: int, whole: int) -> int:
    """Return the share in percent; something is never nothing, and a part is never the whole."""
    return 0 if part == 0 else 100 if part == whole else min(99, max(1, round(100 * part / whole)))


def _number(found: re.Match[str]) -> str:
    text = found[0]
    if date := _DATE.fullmatch(text):
        return f"{date[1]}-{date[2]:0>2}-{date[3]:0>2}"
    if _GROUPED.fullmatch(text):
        whole, decimals = _decimals(text) if len(re.split(r"[.,]", text)[-1]) < THOUSAND else (text, "")
        return _joined(re.sub(r"[.,]", "", whole), decimals)
    if re.fullmatch(r"\d+[.,]\d+", text):
        return _joined(*_decimals(text))
    digits = re.sub(r"[/-]", "", text)
    return digits if digits.isdigit() and len(digits) >= LONG_NUMBER else text


def _decimals(text: str) -> tuple[str, str]:
    whole, decimals = re.split(r"[.,](?=\d+\Z)", text)
    return whole, decimals


def _joined(whole: str, decimals: str) -> str:
    decimals = decimals.rstrip("0")
    return f"{whole}.{decimals}" if decimals else whole
