"""PURE: where models are, as people know it: the server's host and port."""

from __future__ import annotations

from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit


@runtime_checkable
class Placed(Protocol):
    """A provider that says where its models are."""

    def address(self, model: str) -> str:
        """Return the server that has a model, as people know it."""
        ...


def place(base_url: str) -> str:
    """Return host and port of a base address, without anything that may be secret."""
    parts = urlsplit(base_url)
    return parts.netloc.rpartition("@")[2].lower()
