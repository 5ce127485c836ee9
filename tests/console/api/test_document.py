"""The OpenAPI document holds: whatever is sent to an operation, the answer is one that it declares, and never a 5xx."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, settings
from ninja import Schema
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from agents.services import apply_agent, start_session
from agents.tools import egress
from agents.tools.errors import Unavailable
from audit.actors import SYSTEM
from audit.index import index_log
from console.api.paging import Paged
from console.auth import caller_of_user
from tests.approvals.conftest import ask
from tests.conftest import person
from tests.console.api.calls import Program
from tests.console.api.conftest import DESK

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = settings(
    max_examples=10, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck), print_blob=False
)
schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", get_wsgi_application())
finite = schema.exclude(operation_id="follow_events")  # the feed never ends; tests/console/api/test_following.py


@pytest.fixture
def kept(db: None) -> Iterator[None]:
    """Requests through WSGI close old connections; the one that holds the test's transaction stays."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def things(kept: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """One of each that the API speaks of, and a program of an admin; no name means anything."""
    monkeypatch.setattr(egress, "_addresses", _nowhere)
    ada = person("ada", "admin", "reviewer")
    apply_agent(DESK, actor=SYSTEM)
    olga = person("olga", "operator")
    session = start_session(actor=caller_of_user(olga).actor(), person_id=olga.pk, agent="desk", goal="Calculate")
    request = ask(session_id=session.id, session_ref=session.ref, call_id=None, requester=olga.pk)
    index_log(patience_ms=2000)
    return {"program": Program(ada), "S": session.ref, "AP": request.ref, "digest": request.digest}


async def _nowhere(host: str, port: int) -> list[egress.Address]:
    raise Unavailable(f"The name {host} cannot be resolved.")


def real(case: Any, things: dict[str, Any]) -> None:
    """Let every second call be about something that is there."""
    places = case.path_parameters or {}
    if isinstance(places.get("ref"), str) and len(places["ref"]) % 2:
        places["ref"] = things["S" if "sessions" in case.path else "AP"]
    if isinstance(places.get("slug"), str) and len(places["slug"]) % 2:
        places["slug"] = "desk"
    if isinstance(places.get("name"), str) and len(places["name"]) % 2:
        places["name"] = "send_email"
    if isinstance(case.body, dict) and "digest" in case.body and len(case.body) % 2:
        case.body["digest"] = things["digest"]
    if isinstance(case.body, dict) and "agent" in case.body and len(case.body) % 2:
        case.body["agent"] = "desk"
    if isinstance(case.body, dict) and "wait_s" in case.body:
        case.body["wait_s"] = 0


@finite.parametrize()
@EXAMPLES
def test_every_answer_is_a_declared_one(case: Any, things: dict[str, Any]) -> None:
    """No server error and no undeclared status, for an admin who may call everything."""
    real(case, things)
    case.call_and_validate(headers={"Authorization": f"Bearer {things['program'].made.secret}"}, checks=CHECKS)


def shapes(of: type[Schema] = Schema) -> Iterator[type[Schema]]:
    """Return what answers and bodies of the API are made of."""
    for shape in of.__subclasses__():
        if shape.__module__.startswith("console.api.") and not issubclass(shape, Paged):
            yield shape
        yield from shapes(shape)


def test_no_two_shapes_have_one_name() -> None:
    """The document has room for one shape of a name: the other's operations would describe what they do not answer."""
    found = {(shape.__name__, shape.__module__) for shape in shapes()}
    names = Counter(name for name, _ in found)
    assert len(found) > 100
    assert [name for name, times in names.items() if times > 1] == []
