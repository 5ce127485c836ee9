"""Signs of orders in untrusted content, in words for people. Pure."""

from collections.abc import Mapping

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
}


def signs_of(mark: Mapping[str, object]) -> list[str]:
    """Return what a source of untrusted content looks like; nothing where it showed no sign."""
    return [WORDS.get(code, code.replace("_", " ")) for code in str(mark.get("flags", "")).split()]
