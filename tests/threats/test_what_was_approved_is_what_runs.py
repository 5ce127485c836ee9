"""Between display, decision and run something changes: arguments, tool, rules, target, path, prompt (THREATS 1-8, 61)."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents.errors import BadEdit
from agents.models import LibraryDocument, PromptVersion, ToolCall
from agents.models.library import WorkspaceFile
from agents.prompts.releases import release
from agents.prompts.versions import add_version
from agents.tools import registry
from agents.tools.library import fingerprint
from approvals import tiers
from approvals.errors import StaleDigest
from approvals.models import ApprovalRequest, Decision
from audit.actors import Actor
from audit.models import AuditEntry
from tests.console.api.calls import Program
from tests.flows.conftest import World, actor_of, person_of
from tests.threats.conftest import Asked, Sql, ask, kinds, status

OTHER = '{"body":"Token T1","cc":[],"subject":"A message","to":["evil@attacker.example"]}'
SignedIn = Callable[[User | None], Client]


def change_content(run: Sql, request: ApprovalRequest) -> None:
    """Change the stored arguments of the call, which the executor reads."""
    call = ToolCall.objects.get(request_id=request.pk)
    statement = "UPDATE audit_content SET body = %s WHERE id = %s"
    assert run(statement, [OTHER, call.arguments_id], past=("audit_content", "audit_content_stays")) == 1


def change_body(run: Sql, request: ApprovalRequest) -> None:
    """Change the canonical bytes of the request, and make its digest fit them."""
    body = bytes(request.body).replace(b"kim@customer.example", b"evil@attacker.example")
    assert body != bytes(request.body)
    values = [body, hashlib.sha256(body).hexdigest(), request.id]
    statement = "UPDATE approvals_approvalrequest SET body = %s, digest = %s WHERE id = %s"
    assert run(statement, values, past=("approvals_approvalrequest", "request_guard")) == 1


def change_both(run: Sql, request: ApprovalRequest) -> None:
    """Change arguments and request alike, so that they fit each other."""
    change_content(run, request)
    change_body(run, request)
    assert bytes(ApprovalRequest.objects.get(pk=request.pk).body).startswith(b'{"arguments":' + OTHER.encode() + b",")


@pytest.mark.parametrize("change", [change_content, change_body, change_both])
def test_arguments_changed_in_the_database_after_the_approval_do_not_run(
    world: World, approved: Asked, as_owner: Sql, mailoutbox: list[Any], change: Callable[[Sql, ApprovalRequest], None]
) -> None:
    """THREATS 1: by the owner role, past every trigger: blocked, an alarm in the log, the approval void."""
    session, request = approved
    change(as_owner, request)
    world.work()
    assert mailoutbox == []
    assert "alarm.digest_mismatch" in kinds(session)
    assert not {"approval.consumed", "tool_call.executing"} & set(kinds(session))
    assert (status(request), world.calls(session)[0].status) == ("void", "denied")
    alarm = AuditEntry.objects.get(stream=f"session:{session.ref}", kind="alarm.digest_mismatch")
    assert alarm.body_json["facts"]["approval"] == request.ref


def test_a_call_that_is_pointed_at_other_arguments_does_not_run(
    world: World, approved: Asked, as_owner: Sql, mailoutbox: list[Any]
) -> None:
    """THREATS 1: no stored text is touched; the call's row names another one."""
    session, request = approved
    call = ToolCall.objects.get(request_id=request.pk)
    as_owner("UPDATE agents_toolcall SET arguments_id = raw_id WHERE id = %s", [call.pk])
    world.work()
    assert mailoutbox == []
    assert "alarm.digest_mismatch" in kinds(session)


def test_what_was_edited_since_it_was_shown_is_not_approved_by_it(
    world: World, remy: User, rosa: User, mailoutbox: list[Any]
) -> None:
    """THREATS 2: Remy looks at the first revision while Rosa edits; his click is refused, and counts once he saw the edit."""
    world.policy(rules=[{"name": "two", "tool": "send_email", "then": "ask", "required": 2}])
    _, request = ask(world)
    shown = request.digest
    world.decide(request, rosa, "edit", arguments={"to": ["lee@customer.example"], "subject": "Edited", "body": "Shorter."})
    with pytest.raises(StaleDigest):
        world.decide(request, remy, "approve", digest=shown)
    world.work()
    assert (mailoutbox, status(request)) == ([], "pending")
    world.decide(request, remy, "approve")
    world.work()
    assert [mail.to for mail in mailoutbox] == [["lee@customer.example"]]
    assert world.log_is_whole()


@pytest.mark.parametrize(
    "path", ["../../etc/passwd", "/etc/passwd", "notes/../../x", "~/x", "notes\\x", "notes/./x", "notes/x\x00"]
)
def test_a_path_cannot_be_turned_outside_after_the_fact(world: World, remy: User, path: str) -> None:
    """THREATS 6: files are rows and have no links to swap; a path that any reader could take for another is refused."""
    world.policy(rules=[{"name": "files", "tool": "write_file", "then": "ask"}])
    session, request = ask(world, "scenario: writes token=x")
    with pytest.raises(BadEdit):
        world.decide(request, remy, "edit", arguments={"path": path, "content": "x"})
    world.decide(request, remy, "approve")
    world.work()
    assert list(WorkspaceFile.objects.values_list("session_id", "path")) == [(session.pk, "notes/x.md")]


@pytest.mark.parametrize(
    "arguments",
    [
        '{"to":["a@b.example"],"to":["kim@customer.example"],"subject":"S","body":"B"}',
        '{"to":"kim@customer.example","subject":"S","body":"B"}',
        '{"to":["kim@customer.example"],"subject":10,"body":"B"}',
        '{"to":["kim@customer.example"],"subject":NaN,"body":"B"}',
        '{"to":["kim@customer.example"],"subject":"S","body":"B\\u0000"}',
        '{"to":["kim@customer.example"],"subject":"S","body":"B\\ud800"}',
    ],
)
def test_arguments_that_can_be_read_in_two_ways_are_refused(
    world: World, asked: Asked, remy: User, mailoutbox: list[Any], arguments: str
) -> None:
    """THREATS 7: an edit over HTTP meets one strict parser; nothing is coerced, and what was shown stays as it is."""
    _, request = asked
    body = f'{{"verdict":"edit","digest":"{request.digest}","arguments":{arguments}}}'
    answer = Program(remy)("POST", f"/approvals/{request.ref}/decisions", body.encode())
    assert answer.status_code in (400, 422), answer.content
    before = (request.revision, request.digest)
    assert (status(request), (request.revision, request.digest), mailoutbox) == ("pending", before, [])


def test_a_tool_that_changed_after_the_approval_is_asked_about_again(
    world: World, approved: Asked, remy: User, mailoutbox: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS 3: the old approval is void; the new request names the tool as it is now, and its approval runs."""
    session, request = approved
    changed = dataclasses.replace(registry.all_tools()["send_email"], definition="f" * 64)
    monkeypatch.setitem(registry._tools, "send_email", changed)
    world.work()
    assert mailoutbox == []
    (again,) = world.pending(session)
    assert (status(request), again.call_id) == ("void", request.call_id)
    assert json.loads(bytes(again.body))["definition"] == "f" * 64
    world.decide(again, remy, "approve")
    world.work()
    assert len(mailoutbox) == 1
    assert world.log_is_whole()


def switch_off(world: World) -> None:
    """An operator switches the tool off."""
    operator = world.olga
    tiers.set_tool(name="send_email", declared="irreversible_write", person=person_of(operator), actor=actor_of(operator),
                   enabled=False, reason="A test of the lever.")  # fmt: skip


def forbid(world: World) -> None:
    """Policy now denies the call."""
    world.policy(rules=[{"name": "no mail", "tool": "send_email", "then": "deny"}])


@pytest.mark.parametrize("tighten", [switch_off, forbid])
def test_what_policy_no_longer_allows_does_not_run_although_it_was_approved(
    world: World, approved: Asked, mailoutbox: list[Any], tighten: Callable[[World], None]
) -> None:
    """THREATS 4: judged again at the run; not run, an alarm in the log, the agent is told that policy refuses."""
    session, request = approved
    tighten(world)
    world.work()
    assert mailoutbox == []
    assert "alarm.policy_changed" in kinds(session)
    (call,) = world.calls(session)
    assert (status(request), call.status) == ("void", "denied")
    assert json.loads(world.result(call))["error_type"] == "not_permitted"
    assert world.log_is_whole()


def test_a_larger_quorum_after_the_approval_asks_again(
    world: World, approved: Asked, remy: User, rosa: User, mailoutbox: list[Any]
) -> None:
    """THREATS 4: one approval was enough and is not any more; both have to agree to the new request."""
    session, request = approved
    world.policy(rules=[{"name": "two", "tool": "send_email", "then": "ask", "required": 2}])
    world.work()
    assert (mailoutbox, status(request)) == ([], "void")
    (again,) = world.pending(session)
    world.decide(again, remy, "approve")
    world.work()
    assert mailoutbox == []
    world.decide(again, rosa, "approve")
    world.work()
    assert len(mailoutbox) == 1


def document(slug: str, title: str, body: str) -> LibraryDocument:
    """Put a document into the library."""
    return LibraryDocument.objects.create(slug=slug, title=title, body=body, trust="trusted", sha256=fingerprint(title, body))


def bound(request: ApprovalRequest) -> str:
    """Return what must still hold of the target, from the bytes that the decision binds."""
    return str(json.loads(bytes(request.body))["precondition"])


def test_a_target_that_changed_since_the_review_is_asked_about_again(world: World, remy: User) -> None:
    """THREATS 5: the approval was for one version of the document; the next version is not deleted unseen."""
    document("plan", "The plan", "As it was reviewed.")
    session, request = ask(world, "scenario: delete-document document=plan")
    world.decide(request, remy, "approve")
    LibraryDocument.objects.filter(slug="plan").update(body="As it is now.", sha256=fingerprint("The plan", "As it is now."))
    world.work()
    assert LibraryDocument.objects.filter(slug="plan").exists()
    (again,) = world.pending(session)
    assert status(request) == "void"
    assert bound(again) != bound(request)
    world.decide(again, remy, "approve")
    world.work()
    assert not LibraryDocument.objects.filter(slug="plan").exists()


def test_a_reference_is_resolved_before_the_review_and_bound(world: World, remy: User, signed_in: SignedIn) -> None:
    """THREATS 8: a title is a reference; the card shows which document it means, and another one of that title is asked about anew."""
    first = document("travel-old", "Travel policy", "The old one.")
    session, request = ask(world, 'scenario: delete-document document="Travel policy"')
    page = signed_in(remy).get(f"/approvals/{request.ref}/").content.decode()
    assert "travel-old" in page
    assert first.sha256 in page
    world.decide(request, remy, "approve")
    LibraryDocument.objects.filter(pk=first.pk).update(title="Travel policy 2023")
    document("travel-new", "Travel policy", "The one in force.")
    world.work()
    assert LibraryDocument.objects.count() == 2
    (again,) = world.pending(session)
    assert "travel-new" in bound(again)


def next_version(world: World) -> PromptVersion:
    """Release version 2.0.0 of the agent's prompt to all traffic."""
    paul = Actor("user", "0", "Paul")
    more = {"text": "You do something else.", "note": "Something else.", "version": "2.0.0"}
    version = add_version(slug="research-assistant", actor=paul, user_id=None, **more)
    release(slug="research-assistant", version="2.0.0", share=100, actor=paul)
    return version


def test_a_session_keeps_its_prompt_version_and_the_digest_names_it(
    world: World, asked: Asked, remy: User, signed_in: SignedIn, mailoutbox: list[Any]
) -> None:
    """THREATS 61: another version is released while a person is asked; the session goes on under its own, which is shown and bound."""
    session, request = asked
    next_version(world)
    pinned = "research-assistant 1.0.0"
    assert json.loads(bytes(request.body))["prompt_version"] == pinned
    assert pinned in signed_in(remy).get(f"/approvals/{request.ref}/").content.decode()
    world.decide(request, remy, "approve")
    world.work()
    assert len(mailoutbox) == 1
    assert set(session.turn_rows.values_list("prompt_version", flat=True)) == {pinned}


def test_a_session_moved_to_another_prompt_version_is_asked_about_again(
    world: World, approved: Asked, as_owner: Sql, mailoutbox: list[Any]
) -> None:
    """THREATS 61: a rollback under an approval changes the digest; the new request names the version that would run."""
    session, request = approved
    other = next_version(world)
    as_owner("UPDATE agents_session SET prompt_version_id = %s WHERE id = %s", [other.pk, session.pk])
    world.work()
    assert (mailoutbox, status(request)) == ([], "void")
    (again,) = world.pending(session)
    assert json.loads(bytes(again.body))["prompt_version"] == "research-assistant 2.0.0"
    assert not Decision.objects.filter(request=again).exists()
