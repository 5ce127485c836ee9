"""Signs that a text gives orders to whoever reads it, or hides what it says: telemetry and friction, never the wall. Pure.

A sign is a code with the passage that shows it, so that a reviewer sees both. The gate's judgement does not rest on
it: text without a sign is as untrusted as text with one. The time is bounded on any input: every pattern looks at a
short window after a word, and at most `LONGEST` characters are read, those of both ends.
"""

import base64
import binascii
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass

LONGEST = 100_000
WINDOW = 90
"""Characters after an ordering word in which its object has to stand."""
PASSAGE = 160
MOST_BLOBS = 40

_INVISIBLE = re.compile(r"[\u00ad\u034f\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e01ef]")
_OVERRIDES = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass|ignorier\w*|vergiss|missachte\w*|ignore[zr]|oublie[zr]?|ignora\w*|olvid\w+"
    r"|dimentica\w*|esque[çc]a\w*|negeer|vergeet|zignoruj|unut|игнорир\w+|забудь\w*)\b|忽略|无视|忘记|無視|무시",
    re.IGNORECASE,
)
_RULES = re.compile(
    r"instruction|instrucc|instruç|istruzion|anweisung|consigne|instructie|polecen|talimat|инструкц|указани|правил"
    r"|\brules?\b|\bregeln?\b|\brègles?\b|\breglas?\b|\bregras?\b|\bregole\b|\bprompts?\b|\bpolic(?:y|ies)\b|\bguidelines?\b"
    r"|指令|指示|规则|規則|지시",
    re.IGNORECASE,
)
_ADDRESSED = re.compile(
    r"\b(?:(?:dear|attention|note to(?: the)?|message (?:to|for)(?: the)?|instructions? (?:to|for)(?: the)?)[ ,:]{1,3}"
    r"(?:ai|assistant|agent|llm|model)"
    r"|as an ai|(?:you are|act as|pretend to be) now|you are now|new instructions?\s*:|system (?:note|message|prompt|override)"
    r"|(?:ai|assistant|agent)\s*[,:]\s*(?:you|please|ignore|now|do|call|send)|ki-?assistent|assistant ia|asistente de ia)\b",
    re.IGNORECASE,
)
_ROLE = re.compile(
    r"<\|[a-z_]{2,20}\|>|\[/?inst\]|<</?sys>>|</?(?:system|assistant|developer|untrusted|instructions?)\b[^>\n]{0,60}>"
    r"|^[ \t>#*]{0,6}(?:system|assistant|developer)[ \t]{0,3}:|^#{2,4} ?(?:system|instructions?)\b|\bbegin system\b",
    re.IGNORECASE | re.MULTILINE,
)
_SECRECY = re.compile(
    r"\b(?:do not|don’t|don't|never|without)\b[ ]{1,2}(?:tell|mention|inform|telling|mentioning|informing|reveal|show|alert)\w*\b"
    r"|\bkeep this (?:secret|hidden|between us)\b|\b(?:sage|erwähne) (?:es |das )?nie\w*\b|\bne (?:le )?dis pas\b",
    re.IGNORECASE,
)
_BYPASS = re.compile(
    r"\b(?:no|without(?: any)?|skip(?: the)?|needs? no) (?:further )?(?:approval|confirmation|review|permission)"
    r"|\b(?:already|pre-?) ?(?:approved|authori[sz]ed)\b|\bpolicy allows (?:all|it|this)\b"
    r"|\bdo(?:es)? not (?:need|require) (?:any )?approval"
    r"|\bohne (?:freigabe|rückfrage|genehmigung)\b|\bsans (?:autorisation|validation)\b|\bsin aprobación\b",
    re.IGNORECASE,
)
_NAMES_TOOL = re.compile(
    r"\b(?:call|use|invoke|run|execute|trigger)\b (?:the )?(?:tool |function )?[`\"“]?(?:[a-z]+_[a-z_]+|[a-z_]{2,40}[`\"”]? with \{)"
    r"|\"(?:tool_calls?|function_call)\"",
    re.IGNORECASE,
)
_HIDDEN = re.compile(
    r"<!--|display\s{0,3}:\s{0,3}none|visibility\s{0,3}:\s{0,3}hidden|font-size\s{0,3}:\s{0,3}0",
    re.IGNORECASE,
)
_BLOB = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{40,4000}={0,2}")


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign: a stable code, and the passage that shows it."""

    code: str
    passage: str


Classifier = Callable[[str], tuple[Sign, ...]]
"""What tells signs of a text; `signs` is the one that ships."""


def signs(text: str) -> tuple[Sign, ...]:
    """Return the signs in a text, at most one of each code, in a fixed order."""
    text = text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}\n{text[-LONGEST // 2 :]}"
    plain = text if text.isascii() else _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    found = list(_worded(plain))
    if (hidden := _INVISIBLE.search(text)) is not None:
        found.append(_sign("hidden_characters", text, hidden.start()))
    if (blob := _encoded(plain)) is not None:
        found.append(blob)
    return tuple(found)


def _worded(text: str) -> Iterator[Sign]:
    lower = text.lower()
    orders = _OVERRIDES.finditer(text) if any(stem in lower for stem in _OVERRIDING) else ()
    for order in orders:
        if _RULES.search(text, order.end(), order.end() + WINDOW):
            yield _sign("instruction_like", text, order.start())
            break
    for code, pattern, stems in _PATTERNS:
        if any(stem in lower for stem in stems) and (match := pattern.search(text)) is not None:
            yield _sign(code, text, match.start())


# Most texts hold none of these, and finding that out costs a hundredth of a pattern.
_OVERRIDING = ("ignor", "disregard", "forget", "overrid", "bypass", "vergiss", "missacht", "oubli", "olvid", "dimentica", "esque",
               "negeer", "vergeet", "zignoruj", "unut", "игнор", "забудь", "忽略", "无视", "忘记", "無視", "무시")  # fmt: skip
_PATTERNS = (
    ("addressed_to_agent", _ADDRESSED, ("assistant", "assistent", "asistente", "agent", " ai", "ai,", "ai:", "model", "llm", "you are",
                                        "pretend", "act as", "new instruction", "system")),
    ("role_marker", _ROLE, ("<", "[inst", "[/inst", "system", "assistant", "developer", "instruction")),
    ("secrecy", _SECRECY, ("do not", "don’t", "don't", "never", "without", "keep this", "nie", "dis pas")),
    ("claims_approval", _BYPASS, ("approv", "authori", "confirm", "review", "permission", "policy allows", "ohne", "sans", "aprob")),
    ("names_tool", _NAMES_TOOL, ("_", " with {")),
    ("hidden_text", _HIDDEN, ("<!--", "display", "visibility", "font-size")),
)  # fmt: skip


def _encoded(text: str) -> Sign | None:
    """Return a sign for a blob that says something like an order once it is decoded."""
    for place, blob in enumerate(_BLOB.finditer(text)):
        if place == MOST_BLOBS:
            return None
        told = _decoded(blob.group())
        if told and next(_worded(told), None) is not None:
            return _sign("encoded_order", text, blob.start())
    return None


def with_decoded(text: str) -> str:
    """Return the text, and below it what its encoded blobs say."""
    blobs = [match.group() for _, match in zip(range(MOST_BLOBS), _BLOB.finditer(text), strict=False)]
    return "\n".join([text, *filter(None, map(_decoded, blobs))])


def _decoded(blob: str) -> str:
    whole = blob.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        if len(blob) % 2 == 0 and re.fullmatch(r"[0-9a-fA-F]+", blob):
            return bytes.fromhex(blob).decode()
        return base64.b64decode(whole + "=" * (-len(whole) % 4)).decode()
    except (ValueError, binascii.Error):
        return ""


def _sign(code: str, text: str, at: int) -> Sign:
    start = max(0, at - PASSAGE // 4)
    start = text.find(" ", start, at) + 1 or at if start else 0
    return Sign(code, " ".join(text[start : start + PASSAGE].split()))
