"""A tool's own credential, resolved at the moment it runs and kept nowhere: not in context, logs or the database."""

import os
from pathlib import Path

from agents.tools.errors import NotServed


def secret(name: str) -> str:
    """Return the variable NAME, or the content of the file that NAME_FILE names; "" where neither is set.

    Raises Unavailable where the file cannot be read.
    """
    value = os.environ.get(name, "").strip()
    path = os.environ.get(f"{name}_FILE", "").strip()
    if value or not path:
        return value
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise NotServed(f"The credential {name} cannot be read.") from error
