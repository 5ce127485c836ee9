"""Personal data and secrets in text: found by form, and by check digits where there are any. Pure.

Keys and tokens by the patterns of detect-secrets that work in linear time, numbers by python-stdnum, so that an order
number is not taken for a card. What is found is a kind and a place; what becomes of it is the caller's matter.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from detect_secrets.plugins.aws import AWSKeyDetector
from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
from detect_secrets.plugins.basic_auth import BasicAuthDetector
from detect_secrets.plugins.discord import DiscordBotTokenDetector
from detect_secrets.plugins.github_token import GitHubTokenDetector
from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
from detect_secrets.plugins.pypi_token import PypiTokenDetector
from detect_secrets.plugins.sendgrid import SendGridDetector
from detect_secrets.plugins.square_oauth import SquareOAuthDetector
from detect_secrets.plugins.stripe import StripeDetector
from detect_secrets.plugins.telegram_token import TelegramBotTokenDetector
from stdnum import iban, luhn
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.it import codicefiscale
from stdnum.pl import pesel
from stdnum.us import ssn

Kind = Literal["secret", "card", "iban", "national_id", "email", "phone"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_KEYS = (
    AWSKeyDetector, AzureStorageKeyDetector, BasicAuthDetector, DiscordBotTokenDetector, GitHubTokenDetector,
    GitLabTokenDetector, PypiTokenDetector, SendGridDetector, SquareOAuthDetector, StripeDetector,
    TelegramBotTokenDetector,
)  # fmt: skip
_OWN = (
    re.compile(r"(?<![\w-])eyJ[\w=-]{8,2000}\.eyJ[\w=-]{4,4000}\.[\w+/=-]{0,2000}"),
    re.compile(r"(?<![\w-])sk-[A-Za-z0-9_-]{20,200}"),
    re.compile(r"(?<![\w-])npm_[A-Za-z0-9]{36}"),
    re.compile(r"(?<![\w-])xox[abopsr]-[A-Za-z0-9-]{10,200}|hooks\.slack\.com/services/T\w{1,20}/B\w{1,20}/\w{1,60}"),
    re.compile(
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----[A-Za-z0-9+/=\s\\:,-]{0,20000}(?:-----END [A-Z0-9 ]{0,40}-----)?"
    ),
)
"""Where those of the library are not linear: web tokens, keys of OpenAI, npm and Slack, private keys to their end."""
# AWS' second pattern, of a key beside a word for it, finds every hash.
_SECRETS = (
    *(pattern for key in _KEYS for pattern in (list(key.denylist)[:1] if key is AWSKeyDetector else key.denylist)),
    *_OWN,
)
_CARD = re.compile(r"(?<![\w.-])[3-6]\d{3}(?:[ -]?\d){9,15}(?![\w-])")
_IBAN = re.compile(r"(?<!\w)[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?!\w)")
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,6}")
_PHONE = re.compile(r"(?<![\w+])(?<!\d )(?:\+|00)[1-9](?:[ ()/.-]{0,2}\d){7,13}(?!\w)")
_IDS: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = (
    (re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"), ssn.is_valid),
    (re.compile(r"(?<!\w)\d{2} ?\d{3} ?\d{3} ?\d{3}(?!\w)"), idnr.is_valid),
    (re.compile(r"(?<!\w)[12] ?\d{2} ?\d{2} ?\d[\dAB] ?\d{3} ?\d{3} ?\d{2}(?!\w)"), nir.is_valid),
    (re.compile(r"(?<!\w)\d{8}-?[A-Z](?!\w)"), dni.is_valid),
    (re.compile(r"(?<!\w)[XYZ]-?\d{7}-?[A-Z](?!\w)"), nie.is_valid),
    (re.compile(r"(?<!\w)[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z](?!\w)"), codicefiscale.is_valid),
    (re.compile(r"(?<!\w)\d{11}(?!\w)"), pesel.is_valid),
)


@dataclass(frozen=True, slots=True)
class Found:
    """One place in a text that holds something private."""

    kind: Kind
    start: int
    end: int


def find(text: str, kinds: Iterable[Kind]) -> list[Found]:
    """Return what of these kinds a text holds, in its order and without overlaps; of two that overlap the longer one."""
    every = sorted((found for kind in kinds for found in _FINDERS[kind](text)), key=lambda found: found.start - found.end)
    kept: list[Found] = []
    for found in every:
        if all(found.end <= other.start or other.end <= found.start for other in kept):
            kept.append(found)
    return sorted(kept, key=lambda found: found.start)


def replaced(text: str, found: Iterable[Found], by: Callable[[Found], str]) -> str:
    """Return the text with each place replaced by what `by` says of it."""
    parts, at = [], 0
    for one in found:
        parts += [text[at : one.start], by(one)]
        at = one.end
    return "".join([*parts, text[at:]])


def masked(text: str, kinds: Iterable[Kind]) -> str:
    """Return the text with the kind in place of each value."""
    return replaced(text, find(text, kinds), lambda found: f"[{found.kind}]")


def _secrets(text: str) -> Iterator[Found]:
    for pattern in _SECRETS:
        for match in pattern.finditer(text):
            yield Found("secret", *match.span())


def _cards(text: str) -> Iterator[Found]:
    return (Found("card", *match.span()) for match in _CARD.finditer(text) if luhn.is_valid(re.sub(r"\D", "", match.group())))


def _ibans(text: str) -> Iterator[Found]:
    """An account number may run into the word after it: what is cut off its end last is what still checks."""
    for match in _IBAN.finditer(text):
        for end in range(match.end(), max(match.start() + 14, match.end() - 12), -1):
            if text[end - 1] != " " and iban.is_valid(text[match.start() : end]):
                yield Found("iban", match.start(), end)
                break


def _ids(text: str) -> Iterator[Found]:
    for pattern, valid in _IDS:
        for match in pattern.finditer(text):
            if valid(match.group()):
                yield Found("national_id", *match.span())


_FINDERS: dict[Kind, Callable[[str], Iterable[Found]]] = {
    "secret": _secrets,
    "card": _cards,
    "iban": _ibans,
    "national_id": _ids,
    "email": lambda text: (Found("email", *match.span()) for match in _EMAIL.finditer(text)),
    "phone": lambda text: (Found("phone", *match.span()) for match in _PHONE.finditer(text)),
}
