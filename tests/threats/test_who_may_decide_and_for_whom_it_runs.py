"""Authority: whose rights count, when they are looked at, and whose a tool runs with (THREATS 22-27)."""

import dataclasses
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents.errors import BadEdit
from agents.models import ToolCall
from agents.tools import registry
from agents.tools.context import ToolContext
from approvals.errors import NotYours
from approvals.models import ApprovalRequest, Decision
from audit.ids import uuid7
from tests.console.api.calls import Program, refused
from tests.flows.conftest import World
from tests.threats.conftest import Asked, Sql, ask, kinds, status


def test_the_database_refuses_the_requesters_own_approval(
    world: World, as_owner: Sql, remy: User, mailoutbox: list[Any]
) -> None:
    """THREATS 22: refused by the service, and by the database even for its owner with an SQL prompt."""
    session = world.start("scenario: mail-once", by=remy)
    world.work()
    (request,) = world.pending(session)
    with pytest.raises(NotYours):
        world.decide(request, remy, "approve")
    statement = """INSERT INTO approvals_decision (id, request_id, revision, verdict, digest, decided_by, decided_name, difference)
                   VALUES (%s, %s, 1, 'approve', %s, %s, 'Remy', '[]')"""
    with pytest.raises(psycopg.Error, match="four eyes"):
        as_owner(statement, [uuid7(), request.pk, request.digest, remy.pk])
    with pytest.raises(psycopg.Error, match="four eyes"):
        as_owner("UPDATE approvals_approvalrequest SET excluded = '{}' WHERE id = %s", [request.pk])
    world.work()
    assert (mailoutbox, status(request), Decision.objects.count()) == ([], "pending", 0)


def test_one_person_is_one_vote_by_every_way_in(world: World, remy: User, rosa: User, mailoutbox: list[Any]) -> None:
    """THREATS 23: page, own token, second token, another name: a quorum of two counts accounts, and service tokens none."""
    world.policy(rules=[{"name": "two", "tool": "send_email", "then": "ask", "required": 2}])
    _, request = ask(world)
    world.decide(request, remy, "approve")
    remy.first_name = "Remy "  # a typed name is nobody
    remy.save()
    said = {"verdict": "approve", "digest": request.digest}
    for key in ("one", "two"):
        answer = Program(remy).post(f"/approvals/{request.ref}/decisions", said, key=key)
        refused(answer, 409, "already_decided")
    refused(Program(rosa, service="robot").post(f"/approvals/{request.ref}/decisions", said), 403, "forbidden")
    world.work()
    assert (mailoutbox, status(request)) == ([], "pending")
    world.decide(request, rosa, "approve")
    world.work()
    assert len(mailoutbox) == 1


def lose_the_role(user: User) -> None:
    """No reviewer any more."""
    user.groups.clear()


def lose_the_account(user: User) -> None:
    """Nobody any more."""
    user.is_active = False
    user.save()


@pytest.mark.parametrize("lose", [lose_the_role, lose_the_account])
def test_a_vote_counts_only_while_its_voter_may_still_decide(
    world: World, approved: Asked, remy: User, rosa: User, mailoutbox: list[Any], lose: Callable[[User], None]
) -> None:
    """THREATS 24: the right is taken away after the vote and before the run; the call is asked about again, of somebody else."""
    session, request = approved
    lose(remy)
    world.work()
    assert (mailoutbox, status(request)) == ([], "void")
    assert "approval.consumed" not in kinds(session)
    (again,) = world.pending(session)
    world.decide(again, rosa, "approve")
    world.work()
    assert len(mailoutbox) == 1


def test_nothing_that_an_agent_holds_opens_the_console(world: World, asked: Asked) -> None:
    """THREATS 25: no id, key or trace that a tool is handed is a credential, and no field of its context holds one."""
    session, request = asked
    call = ToolCall.objects.get(request_id=request.pk)
    client = Client(raise_request_exception=False)
    for known in (call.key, str(session.pk), session.ref, session.trace, str(request.pk), request.digest, session.agent.slug):
        headers = {"Authorization": f"Bearer {known}"}
        said = {"verdict": "approve", "digest": request.digest}
        path = f"/api/v1/approvals/{request.ref}/decisions"
        assert client.post(path, said, content_type="application/json", headers=headers).status_code == 401, known
    held = {field.name for field in dataclasses.fields(ToolContext)}
    assert not held & {"token", "secret", "password", "cookie", "credential", "person", "user"}
    assert status(request) == "pending"


def test_a_tool_runs_as_its_session_and_not_as_its_reviewer(
    world: World, asked: Asked, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS 26: an admin approves; the tool is handed the starter's name and keys, and nothing of the admin."""
    seen: list[ToolContext] = []

    def spy(args: Any, context: ToolContext) -> dict[str, Any]:
        seen.append(context)
        return {"sent": True}

    monkeypatch.setitem(registry._tools, "send_email", dataclasses.replace(registry.all_tools()["send_email"], function=spy))
    session, request = asked
    world.decide(request, ada, "approve")
    world.work()
    (context,) = seen
    assert (context.principal, context.principal_id) == ("Olga", f"user:{world.olga.pk}")
    assert (context.session, context.actor.kind) == (session.ref, "agent")
    assert not any(name in repr(context) for name in (ada.first_name, ada.email, f"user:{ada.pk}"))


def test_an_approval_gives_no_scope_that_the_session_has_not(world: World, remy: User, mailoutbox: list[Any]) -> None:
    """THREATS 26: an agent without the scope is refused before anybody is asked, and cannot be edited into it."""
    agent = world.agent(slug="reader", task_types={"default": ["documents:read"], "post": ["mail:send"]})
    session = world.start("scenario: mail-once", agent=agent)
    world.work()
    (call,) = world.calls(session)
    assert (call.status, call.error_type, world.pending(session)) == ("invalid", "not_permitted", [])
    _, request = ask(world, "scenario: mail-once", agent=agent, task_type="post")
    with pytest.raises(BadEdit):
        world.decide(request, remy, "edit", arguments={"document": "plan", "scopes": ["documents:delete"]})
    assert mailoutbox == []


@pytest.mark.parametrize(
    "more",
    [
        {"status": "consumed"},
        {"tier": "read_only"},
        {"required": 0},
        {"approved_by": 1},
        {"self_confirm": True},
        {"revision": 9},
    ],
)
def test_a_decision_cannot_carry_more_than_a_decision(world: World, asked: Asked, remy: User, more: dict[str, Any]) -> None:
    """THREATS 27: no mass assignment; 422 names the member, and the request stays as it is."""
    _, request = asked
    before = ApprovalRequest.objects.filter(pk=request.pk).values().get()
    said = {"verdict": "approve", "digest": request.digest, **more}
    problem = refused(Program(remy).post(f"/approvals/{request.ref}/decisions", said), 422, "invalid_request")
    assert next(iter(more)) in str(problem["errors"])
    assert ApprovalRequest.objects.filter(pk=request.pk).values().get() == before


def test_counting_up_numbers_shows_nothing_to_who_may_see_nothing(world: World, asked: Asked, sam: User, vic: User) -> None:
    """THREATS 13, 27: without a role every number answers alike; a viewer reads, and decides nothing by knowing the number."""
    session, request = asked
    nobody, viewer = Program(sam), Program(vic)
    answers = [
        nobody.get(path)
        for path in (f"/approvals/{request.ref}", "/approvals/AP-1", f"/sessions/{session.ref}", "/sessions/S-1")
    ]
    assert [answer.status_code for answer in answers] == [403] * 4
    assert len({answer.json()["code"] for answer in answers}) == 1
    said = {"verdict": "approve", "digest": request.digest}
    refused(viewer.post(f"/approvals/{request.ref}/decisions", said), 403, "forbidden")
    assert status(request) == "pending"


def test_the_database_keeps_a_status_from_being_assigned(world: World, asked: Asked, as_owner: Sql) -> None:
    """THREATS 27: neither consumed nor executing can be written without an approval, whatever writes it."""
    _, request = asked
    with pytest.raises(psycopg.Error, match="no approval to use"):
        as_owner("UPDATE approvals_approvalrequest SET status = 'consumed' WHERE id = %s", [request.pk])
    with pytest.raises(psycopg.Error, match="approval"):
        as_owner("UPDATE agents_toolcall SET status = 'executing' WHERE id = %s", [request.call_id])
    assert status(request) == "pending"
