"""PURE: finds a sum in plain words ("15 % of 1,240", "12 times 7") and writes it as an expression."""

from __future__ import annotations

import re

_VERB = re.compile(r"\b(?:calculate|compute|work out|evaluate|how much is|what is|what's|how much are|add up)\b", re.IGNORECASE)
_WORDS = (
    (r"(?<=\d),(?=\d{3}\b)", ""),
    (r"[$€£]", ""),
    (r"(\d+(?:\.\d+)?)\s*(?:%|per ?cent|percent)\s+of\s+", r"\1 / 100 * "),
    (r"(\d+(?:\.\d+)?)\s*(?:%|per ?cent|percent)(?!\s*\d)", r"(\1 / 100)"),
    (r"\bplus\b", "+"),
    (r"\bminus\b|−|–", "-"),
    (r"\b(?:times|multiplied by)\b|[×·]|(?<=\d)\s*x\s*(?=\d)", "*"),
    (r"\b(?:divided by|over)\b|÷", "/"),
    (r"\bto the power of\b|\^", "**"),
    (r"\bsquared\b", "** 2"),
    (r"\bcubed\b", "** 3"),
)
_EXPRESSION = re.compile(r"[(\-]*\s*\d[\d\s.()+*/%-]*")


def find_expression(text: str) -> str:
    """Return the arithmetic expression in a clause, or nothing where it does not ask for one."""
    asked = _VERB.search(text)
    if not asked:
        return ""
    rest = text[asked.end() :]
    for pattern, symbol in _WORDS:
        rest = re.sub(
            pattern,
            f" {symbol} " if symbol and not symbol.startswith("\\") and "(" not in symbol else symbol,
            rest,
            flags=re.IGNORECASE,
        )
    found = [re.sub(r"\s+", " ", part).strip(" .*/+%-") for part in _EXPRESSION.findall(rest)]
    best = max(found, key=len, default="")
    while best.count("(") < best.count(")"):
        best = best[: best.rindex(")")] + best[best.rindex(")") + 1 :]
    return best + ")" * (best.count("(") - best.count(")")) if re.search(r"[-+*/%]", best) else ""
