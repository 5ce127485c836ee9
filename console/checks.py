"""System checks of an installation, with codes. They read settings only; what needs a database is checked by `manage.py up`."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage
from django.core.checks import Error as CheckError
from django.core.checks import Warning as CheckWarning

from audit.note import COSIGNATURE, ED25519, BadNote, Verifier

Apps = Sequence[AppConfig] | None


def roles_are_apart(app_configs: Apps = None, **kwargs: Any) -> list[CheckMessage]:
    """W001: with one role for everything the log is guarded by triggers only, which that role could remove."""
    owner, application = settings.DATABASES["owner"], settings.DATABASES["default"]
    if owner["USER"] != application["USER"]:
        return []
    hint = "Give the tables to a second role and name it in DATABASE_OWNER_URL; see docs/operations.md, Roles."
    return [CheckWarning("The application owns the audit tables.", hint=hint, id="countersign.W001")]


def public_address_is_https(app_configs: Apps = None, **kwargs: Any) -> list[CheckMessage]:
    """W002: cookies and tokens must not travel in the clear."""
    if settings.COUNTERSIGN_PUBLIC_URL.startswith("https://"):
        return []
    hint = "Put a TLS proxy in front and set COUNTERSIGN_PUBLIC_URL=https://…"
    return [CheckWarning("COUNTERSIGN_PUBLIC_URL is not an https address.", hint=hint, id="countersign.W002")]


def named_keys_are_keys(app_configs: Apps = None, **kwargs: Any) -> list[CheckMessage]:
    """E001: a key that cannot be read would let nobody verify, or keep nothing that a witness signed."""
    named = (("SEAL_PUBLIC_KEY", settings.SEAL_PUBLIC_KEY, ED25519), ("SEAL_WITNESSES", settings.SEAL_WITNESSES, COSIGNATURE))
    hint = (
        "Write what manage.py seal_key --show printed, and of witnesses what python -m audit.witness key did: name+hash+base64."
    )
    return [
        CheckError(f"{name} names something that is no such key.", hint=hint, id="countersign.E001")
        for name, texts, type_ in named
        if not all(_is_key(text, type_) for text in texts)
    ]


def _is_key(text: str, type_: int) -> bool:
    try:
        return Verifier.of(text).type == type_
    except BadNote:
        return False
