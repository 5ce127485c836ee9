"""Typed reading of environment variables. Every failure names the variable and the way to mend it.

Only `console.settings` and the commands that prepare an environment use this; the rest of the product reads settings.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


def env_str(name: str, default: str = "") -> str:
    """Return the variable, stripped; the default where it is not set."""
    return os.environ.get(name, default).strip()


def env_bool(name: str, default: bool = False) -> bool:
    """Return the variable as a truth value; raises ImproperlyConfigured for anything but 1/0, true/false, yes/no, on/off."""
    value = os.environ.get(name)
    if value is None:
        return default
    word = value.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}.")


def env_int(name: str, default: int, *, minimum: int = 0, maximum: int = 2**31 - 1) -> int:
    """Return the variable as a whole number within bounds; raises ImproperlyConfigured otherwise."""
    value = env_str(name)
    if not value:
        return default
    try:
        number = int(value)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}.") from error
    if not minimum <= number <= maximum:
        raise ImproperlyConfigured(f"{name} must lie between {minimum} and {maximum}, not {number}.")
    return number


def env_word(name: str, allowed: Sequence[str], default: str) -> str:
    """Return the variable as one of the words allowed; raises ImproperlyConfigured for any other."""
    word = env_str(name).lower() or default
    if word not in allowed:
        raise ImproperlyConfigured(f"{name} must be {' or '.join(allowed)}, not {word!r}.")
    return word


def env_list(name: str) -> list[str]:
    """Return the comma-separated parts of the variable, without empty ones."""
    return [part.strip() for part in env_str(name).split(",") if part.strip()]


def env_sizes(name: str) -> dict[str, int]:
    """Return NAME=NUMBER pairs, separated by commas; raises ImproperlyConfigured for anything else."""
    sizes: dict[str, int] = {}
    for part in env_list(name):
        key, _, number = part.rpartition("=")
        if not key or not number.isdecimal() or int(number) < 1:
            raise ImproperlyConfigured(f"{name} must look like NAME=NUMBER,NAME=NUMBER, not {part!r}.")
        sizes[key.strip()] = int(number)
    return sizes


def env_secret(name: str) -> str:
    """Return the secret in NAME, or the content of the file that NAME_FILE names; empty where neither is set.

    Raises ImproperlyConfigured where both are set or the file cannot be read.
    """
    value, path = env_str(name), env_str(f"{name}_FILE")
    if value and path:
        raise ImproperlyConfigured(f"{name} and {name}_FILE are both set. Keep one of them.")
    if not path:
        return value
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ImproperlyConfigured(f"{name}_FILE names {path}, which cannot be read: {error.strerror}.") from error


POOL_WAIT_S = 5.0  # for a connection that is free, and for a database that is away


def database_from_url(name: str, url: str, *, pool: int = 0) -> dict[str, Any]:
    """Turn `postgresql://user:password@host:port/database?option=value` into Django's form.

    `pool` is how many connections the process keeps at most, for one that answers requests and does not fork; with 0
    each request opens its own.

    `name` is the variable the address came from, for the message of the ImproperlyConfigured that is raised otherwise.
    A socket folder is given as `?host=/folder`; further options go to libpq.
    """
    form = f"{name} must look like postgresql://user:password@host:5432/database."
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ImproperlyConfigured(form) from error
    if parts.scheme not in {"postgresql", "postgres"} or not parts.path.strip("/"):
        raise ImproperlyConfigured(form)
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    if pool:
        options["pool"] = {"min_size": 1, "max_size": pool, "timeout": POOL_WAIT_S, "reconnect_timeout": POOL_WAIT_S}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", parts.hostname or ""),
        "PORT": options.pop("port", str(port) if port else ""),
        # None exhausted all connections under ASGI; pools do not survive the fork of the worker cluster.
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": bool(pool),
        # Statements of the one writer and of `audit.connection.read` are planned once on a connection that lasts.
        "OPTIONS": {"connect_timeout": "5", "application_name": "countersign", "prepare_threshold": 3, **options},
    }
