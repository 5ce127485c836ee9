"""Which language an answer is written in: a model that lies with its package, some seventy MB in memory, and says how sure it is.

Imported only where a case asks for a language (`agents.evals.checks`), so that no other process pays for it. The same text gives the
same answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

SURE = 0.8
LETTERS = 8  # fewer tell nothing, in any script


@dataclass(frozen=True, slots=True)
class Told:
    """Whether an answer is in one of some languages; None where that cannot be told, and why in words."""

    passed: bool | None
    actual: str


@lru_cache(maxsize=1)
def _model() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def known() -> frozenset[str]:
    """Return the codes of the languages that the model knows."""
    return frozenset(_model().labels) - {"zxx"}


def told(text: str, languages: Sequence[str]) -> Told:
    """Return whether a text is in one of these languages (ISO 639); close ones, named together, are told together."""
    letters = sum(letter.isalpha() for letter in text)
    if letters < LETTERS:
        return Told(None, f"it is too short to tell: {letters} letters, {LETTERS} are needed")
    ranked = _model().rank(text)
    meant = sum(share for code, share in ranked if code in languages)
    first, share = ranked[0]
    if meant >= SURE:
        return Told(True, f"it is ({first}, {_in_hundred(meant)})")
    if share >= SURE and first != "zxx":
        return Told(False, f"it is {first} ({_in_hundred(share)})")
    likely = ", ".join(f"{code} {_in_hundred(part)}" for code, part in ranked[:3])
    return Told(None, f"it cannot be told, for want of words or between close languages: {likely}")


def _in_hundred(share: float) -> str:
    return f"{min(99, round(100 * share))} %"
