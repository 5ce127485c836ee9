"""Signs of orders in untrusted content, and what is kept from models and from answers, in words for people. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from agents.config import Classify, Output

WORDS: Mapping[str, str] = {
    "instruction_like": "tells its reader to drop its rules",
    "addressed_to_agent": "speaks to an assistant",
    "role_marker": "imitates the marks of a conversation",
    "secrecy": "asks to keep something secret",
    "claims_approval": "claims an approval",
    "names_tool": "names a tool to call",
    "hidden_text": "hides text in markup",
    "hidden_characters": "holds characters that cannot be seen",
    "encoded_order": "holds an encoded order",
    "classified": "gives orders, says the model that looks at it",
    "not_classified": "could not be looked at by the model that does",
}

_SAME = 60
KINDS: Mapping[str, str] = {
    "secret": "keys and tokens",
    "card": "card numbers",
    "iban": "account numbers",
    "national_id": "national ids",
    "email": "e-mail addresses",
    "phone": "telephone numbers",
    "prompt": "parts of the prompt",
}
_ONE: Mapping[str, str] = {
    "secret": "key or token",
    "card": "card number",
    "iban": "account number",
    "national_id": "national id",
    "email": "e-mail address",
    "phone": "telephone number",
    "prompt": "part of the prompt",
}


def counted(counts: Mapping[str, int]) -> str:
    """Return how much of each kind there was; empty where there was none."""
    return ", ".join(f"{count} {(_ONE if count == 1 else KINDS).get(kind, kind)}" for kind, count in counts.items())


def private_lines(document: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return what an agent's document keeps from its models and takes out of its answers, as lines for its page."""
    output = Output(**document.get("output", {}))
    removed = [*output.remove, *(["prompt"] if output.prompt else [])]
    lines = [
        {"label": "Taken out of answers", "value": _listed(removed)},
        {"label": "Models read references for", "value": _listed(document.get("scrub", ()))},
    ]
    if document.get("unscrub"):
        lines.append({"label": "Tools that are given the values", "value": ", ".join(document["unscrub"])})
    if (look := Classify(**document.get("classify", {}))).on:
        model = document.get("cheap_model") or document.get("model", "")
        lines.append({"label": "Looks at what strangers wrote", "value": f"{model}, for {look.timeout_s:g} s at most"})
    if output.whole:
        lines.append({"label": "While it is written", "value": "Nothing of an answer is shown"})
    return lines


def _listed(kinds: Iterable[str]) -> str:
    return ", ".join(KINDS.get(kind, kind) for kind in kinds) or "nothing"


def passage_of(mark: Mapping[str, object]) -> str:
    """Return the passage that shows the first sign, unless the quote shows it already."""
    passage = str(mark.get("passage", ""))
    return "" if passage[:_SAME] in " ".join(str(mark.get("quote", "")).split()) else passage


def signs_of(mark: Mapping[str, object]) -> list[str]:
    """Return what a source of untrusted content looks like; nothing where it showed no sign."""
    return [WORDS.get(code, code.replace("_", " ")) for code in str(mark.get("flags", "")).split()]
