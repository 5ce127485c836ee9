"""Query parameters that an operation does not take are refused by name, and those that it takes are those of the document."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from console.api.asked import taken_by
from console.api.root import api

pytestmark = pytest.mark.django_db


def errors_of(answer: Any) -> list[tuple[list[str], str]]:
    assert answer.status_code == 422
    told = answer.json()
    assert told["code"] == "invalid_request"
    return [(one["loc"], one["msg"]) for one in told["errors"]]


def test_a_filter_that_there_is_not_is_refused_and_the_near_one_named(client: Client, remy: User) -> None:
    client.force_login(remy)
    assert errors_of(client.get("/api/v1/approvals?statsu=pending")) == [
        (["query", "statsu"], "There is no such parameter; is status meant?")
    ]
    (found,) = errors_of(client.get("/api/v1/approvals?zzz=1"))
    assert "there are: " in found[1]
    assert "limit" in found[1]
    assert errors_of(client.get("/api/v1/stop?foo=1"))


def test_what_can_be_only_one_thing_is_given_once(client: Client, remy: User) -> None:
    client.force_login(remy)
    assert errors_of(client.get("/api/v1/approvals?limit=1&limit=200")) == [
        (["query", "limit"], "This parameter is given more than once; give it once.")
    ]


def test_an_order_with_a_parameter_that_is_not_taken_changes_nothing(client: Client, olga: User) -> None:
    client.force_login(olga)
    body = json.dumps({"scope": "all", "reason": "Only a try."})
    assert errors_of(client.post("/api/v1/stop?dry_run=1", body, content_type="application/json"))
    assert client.get("/api/v1/stop").json()["items"] == []


def test_what_is_taken_is_what_the_document_says(client: Client, remy: User) -> None:
    client.force_login(remy)
    document = client.get("/api/v1/openapi.json").json()
    said = {
        one["operationId"]: {part["name"] for part in one.get("parameters", ()) if part["in"] == "query"}
        for methods in document["paths"].values()
        for one in methods.values()
    }
    operations = [one for _, router in api._routers for view in router.path_operations.values() for one in view.operations]
    assert len(operations) == len(said) > 100
    for one in operations:
        name = one.operation_id
        assert name is not None
        assert set(taken_by(one.view_func)) == said[name], name
