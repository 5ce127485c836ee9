"""A program at the API: sends JSON with a token and reads what comes back."""

import json
from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from audit.actors import SYSTEM
from console.rights import SCOPES
from console.tokens import create_token

ROOT = "/api/v1"


class Program:
    """Calls the API with a token of `user`, with all scopes that it can have unless said."""

    def __init__(self, user: User, scopes: Iterable[str] | None = None, service: str = "") -> None:
        wanted = SCOPES if scopes is None else tuple(scopes)
        if service:
            wanted = tuple(scope for scope in wanted if scope != "approvals:decide")
        self.made = create_token(user=user, scopes=wanted, actor=SYSTEM, service=service)
        self.client = Client(raise_request_exception=False)

    def __call__(self, method: str, path: str, body: Any = None, *, key: str = "", **headers: str) -> Any:
        """Send one request and return the answer."""
        given = {"Authorization": f"Bearer {self.made.secret}", **({"Idempotency-Key": key} if key else {}), **headers}
        data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        content_type = given.pop("Content_Type", "application/json")
        return self.client.generic(method, ROOT + path, data, content_type=content_type, headers=given)

    def get(self, path: str) -> Any:
        """GET and return the answer."""
        return self("GET", path)

    def post(self, path: str, body: Any = None, *, key: str = "") -> Any:
        """POST and return the answer."""
        return self("POST", path, body, key=key)


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    """Check that the answer is a problem of this status and code, and return it."""
    problem: dict[str, Any] = json.loads(answer.content)
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert answer["Content-Type"] == "application/problem+json"
    assert problem["status"] == status
    assert {"type", "title", "detail"} <= problem.keys()
    return problem
