"""Programs are told of their sessions: signed, in order, at least once under one id, and never where they must not (OPS-6)."""

import ipaddress
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db.models.functions import Now
from standardwebhooks import Webhook, WebhookVerificationError

from agents import services
from agents.errors import BadText
from agents.models import Session
from agents.tools import egress
from agents.tools.errors import Unavailable
from audit.models import AuditEntry
from console.models import Callback
from console.reach import outbox, sender, webhooks
from console.reach.errors import NotDelivered
from tests.console.api.calls import Program
from tests.console.reach.receiving import Receiver, receiving
from tests.flows.conftest import World, actor_of


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    """A running receiver whose host an operator allowed."""
    settings.WEBHOOK_ALLOW_HOSTS = frozenset({"127.0.0.1"})
    with receiving() as here:
        yield here


def told_to(receiver: Receiver) -> list[str]:
    """The kinds of what came."""
    return [json.loads(body)["type"] for _, body in receiver.came]


def ended(world: World, receiver: Receiver) -> Session:
    """A session that answered, and whose messages are not sent yet."""
    sender.round_trip()  # the place in the log begins here
    session = world.start("Calculate 1 + 1.", webhook_url=receiver.url)
    world.work()
    return session


def due_now() -> None:
    """Let what waits for its next attempt be due."""
    Callback.objects.filter(delivered_at=None, given_up_at=None).update(ready_at=Now())


def test_a_program_is_told_that_its_session_answered(world: World, receiver: Receiver) -> None:
    """Signed to the standard, without anything raw; the log says that it came."""
    session = ended(world, receiver)
    sender.round_trip()
    ((headers, body),) = receiver.came
    told = Webhook(webhooks.secrets_of(receiver.url)[0]).verify(body, headers)
    assert (told["type"], told["data"]["id"]) == ("session.waiting_input", session.ref)
    assert "Calculate" not in body
    row = Callback.objects.get()
    assert headers["webhook-id"] == row.pk.hex
    assert row.delivered_at is not None
    assert AuditEntry.objects.get(kind="webhook.delivered").body_json["ids"] == [session.ref]
    sender.round_trip()
    assert len(receiver.came) == 1
    assert world.log_is_whole()


def test_another_receiver_s_secret_and_changed_bytes_do_not_verify(world: World, receiver: Receiver) -> None:
    """Each receiver has a secret of its own; while the key is changed both sign."""
    ended(world, receiver)
    sender.round_trip()
    ((headers, body),) = receiver.came
    for secret, said in (
        (webhooks.secrets_of("https://other.example/")[0], body),
        (webhooks.secrets_of(receiver.url)[0], body + " "),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(said, headers)


def test_while_a_key_is_changed_the_old_secret_still_verifies(world: World, receiver: Receiver, settings: Any) -> None:
    """Two signatures in one head."""
    settings.WEBHOOK_KEY = "old-key"
    (old,) = webhooks.secrets_of(receiver.url)
    settings.WEBHOOK_KEY = "new-key,old-key"
    ended(world, receiver)
    sender.round_trip()
    ((headers, body),) = receiver.came
    for secret in webhooks.secrets_of(receiver.url):
        Webhook(secret).verify(body, headers)
    assert old in webhooks.secrets_of(receiver.url)


def test_what_is_not_taken_is_tried_again_under_one_id_and_keeps_the_order(world: World, receiver: Receiver) -> None:
    """The second message of a session waits for the first; another session does not."""
    receiver.statuses = [500]
    session = ended(world, receiver)
    services.cancel(session=session, actor=actor_of(world.olga))
    sender.round_trip()
    sender.round_trip()
    assert told_to(receiver) == ["session.waiting_input"], "the end is not told before what came before it"
    due_now()
    sender.round_trip()
    sender.round_trip()
    assert told_to(receiver) == ["session.waiting_input", "session.waiting_input", "session.cancelled"]
    ids = [headers["webhook-id"] for headers, _ in receiver.came]
    assert ids[0] == ids[1] != ids[2]


def test_it_is_given_up_with_a_reason_and_can_be_sent_again(world: World, receiver: Receiver) -> None:
    """410 is an answer for good; a person has it sent once more."""
    receiver.statuses = [410]
    session = ended(world, receiver)
    sender.round_trip()
    row = Callback.objects.get()
    assert (row.error, row.given_up_at is not None) == ("The receiver answered 410.", True)
    assert AuditEntry.objects.get(kind="webhook.failed").body_json["facts"]["error"] == row.error
    webhooks.send_again(row.pk, session=session.ref, actor=actor_of(world.olga))
    sender.round_trip()
    assert Callback.objects.get().delivered_at is not None
    assert AuditEntry.objects.filter(kind="webhook.requested").count() == 1


def test_whoever_dies_while_sending_leaves_it_to_be_sent_again(world: World, receiver: Receiver) -> None:
    """Kill -9 between claim and settling: at least once, under the same id; the dead one's word counts no more."""
    ended(world, receiver)
    while outbox.gather():
        pass
    (dead,) = webhooks.claim()
    assert webhooks.claim() == []
    due_now()
    sender.round_trip()
    assert len(receiver.came) == 1
    webhooks.settle(dead, NotDelivered(reason="late", final=True))
    assert Callback.objects.get().given_up_at is None


def test_a_redirect_is_not_followed(world: World, receiver: Receiver) -> None:
    """It is an answer that is not 2xx."""
    receiver.statuses, receiver.elsewhere = [302], receiver.url
    ended(world, receiver)
    sender.round_trip()
    assert len(receiver.came) == 1
    assert Callback.objects.get().error == "The receiver answered 302."


def test_nothing_is_sent_to_private_addresses(world: World, receiver: Receiver, settings: Any) -> None:
    """At the start what can be seen, at each attempt what the name means then (THREATS 25)."""
    session = ended(world, receiver)
    settings.WEBHOOK_ALLOW_HOSTS = frozenset()
    sender.round_trip()
    assert receiver.came == []
    assert "not a public address" in Callback.objects.get(session=session.ref).error
    for url in (receiver.url, "https://127.0.0.1/", "https://[::1]/", "https://10.0.0.1/x", "http://example.com/"):
        with pytest.raises(BadText, match="webhook_url"):
            world.start("Calculate 1 + 1.", webhook_url=url)
    assert egress.refused_webhook("https://hooks.example.com:9443/x") == ""


def test_the_secret_of_a_receiver_is_printed_for_an_admin(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    """The same for each path of one receiver."""
    call_command("webhook_secret", "https://hooks.example.com/a")
    assert capsys.readouterr().out.split() == webhooks.secrets_of("https://hooks.example.com/b")


def test_a_program_is_told_of_each_approval_of_its_session(world: World, receiver: Receiver, remy: User, rosa: User) -> None:
    """Raised, decided and expired, in order and with the request's own page; nothing raw, and nothing of other sessions."""
    sender.round_trip()
    session = world.start("scenario: mail-once to=kim@customer.example", webhook_url=receiver.url)
    world.start("scenario: mail-once to=eve@customer.example")
    world.work()
    (request,) = world.pending(session)
    world.decide(request, remy, "reject", instruction="Not today.")
    world.work()
    for _ in range(6):  # of each session the oldest that is not settled
        sender.round_trip()
    about = [json.loads(body) for _, body in receiver.came if json.loads(body)["type"].startswith("approval.")]
    assert [(one["type"], one["data"]["id"], one["data"]["approval"]) for one in about] == [
        ("approval.requested", session.ref, request.ref),
        ("approval.rejected", session.ref, request.ref),
    ]
    assert about[0]["data"]["url"].endswith(f"/approvals/{request.ref}/")
    assert "kim@" not in json.dumps(about)
    assert "Not today" not in json.dumps(about)
    assert {one["data"]["id"] for one in (json.loads(body) for _, body in receiver.came)} == {session.ref}


def test_a_name_that_means_a_private_address_is_refused_at_the_start(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS 25: with its field, before anything is done; a name that cannot be resolved now is left to the attempts."""
    meant = {"inner.example": "10.1.2.3", "rebound.example": "169.254.169.254", "hooks.example": "93.184.215.14"}

    async def addresses(host: str, port: int) -> list[egress.Address]:
        if host not in meant:
            raise Unavailable("It cannot be resolved.")
        return [ipaddress.ip_address(meant[host])]

    monkeypatch.setattr(egress, "_addresses", addresses)
    program = Program(world.olga)
    for host, status in (("inner.example", 422), ("rebound.example", 422), ("hooks.example", 201), ("nowhere.example", 201)):
        sent = {"agent": "research-assistant", "goal": "Calculate 1 + 1.", "webhook_url": f"https://{host}/x"}
        answer = program.post("/sessions", sent)
        assert answer.status_code == status, answer.content
        if status == 422:
            assert (
                answer.json()["detail"]
                == f"`webhook_url` cannot be used: {host} is not a public address; webhooks reach public addresses only."
            )
    assert Session.objects.count() == 2
