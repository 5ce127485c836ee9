"""New requests reach people: once, batched, retried, given up with a reason, and never with anything raw (APPR-8)."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor

from django.contrib.auth.models import User
from django.db import connection

from approvals import claims
from approvals.models import ApprovalRequest
from audit.index import index_log
from console.models import Delivery, Notice
from console.reach import outbox, sender
from tests.console.reach.conftest import PostOffice, Room, Wants, due_now
from tests.flows.conftest import World, actor_of, person_of
from tests.waiting import wait_until

MAIL = "scenario: mail-once to=secret-customer@customer.example"


def ask(world: World, count: int = 1) -> list[ApprovalRequest]:
    """Have requests wait for people."""
    sessions = [world.start(MAIL) for _ in range(count)]
    world.work()
    return [request for session in sessions for request in world.pending(session)]


def test_who_may_decide_is_told_by_mail(world: World, remy: User, post: PostOffice, wants: Wants) -> None:
    """One mail with the request's id and a link; nothing of what the agent or a customer wrote."""
    wants(remy, "email")
    (request,) = ask(world)
    sender.round_trip()
    (mail,) = post.mails
    assert mail["To"] == remy.email
    assert mail["Subject"] == f"{request.ref} waits for a decision"
    assert "send_email" in post.text()
    assert "High risk, open until" in " ".join(post.text().split())
    assert "secret-customer" not in post.text()
    assert re.search(r"http://127\.0\.0\.1:\d+/open/\S+", post.text())
    assert Delivery.objects.get().sent_at is not None


def test_nobody_is_told_of_what_they_may_not_decide(world: World, vic: User, post: PostOffice, wants: Wants) -> None:
    """Four eyes and roles hold for messages too: not the requester, not a viewer."""
    wants(world.olga, "email", occasions=("requested",))
    wants(vic, "email")
    ask(world)
    sender.round_trip()
    assert post.mails == []
    assert Notice.objects.count() == 0


def test_the_starter_is_told_that_a_session_answered(world: World, post: PostOffice, wants: Wants) -> None:
    """And nobody else, and only who wants to know."""
    wants(world.olga, "email", occasions=("ended",))
    session = world.start("scenario: words-only")
    world.work()
    sender.round_trip()
    (mail,) = post.mails
    assert mail["Subject"] == f"{session.ref} answered or ended"


def test_who_is_given_a_request_is_told_and_nobody_else(
    world: World, remy: User, rosa: User, post: PostOffice, wants: Wants
) -> None:
    """The entry names to whom it was given."""
    wants(remy, "email", occasions=("assigned",))
    wants(rosa, "email", occasions=("assigned",))
    (request,) = ask(world)
    claims.assign(request_id=request.pk, to=person_of(remy), person=person_of(world.olga), actor=actor_of(world.olga))
    sender.round_trip()
    (mail,) = post.mails
    assert (mail["To"], mail["Subject"]) == (remy.email, f"{request.ref} was given to you")


def test_reading_the_log_again_tells_nobody_twice(world: World, remy: User, post: PostOffice, wants: Wants) -> None:
    """The place in the log may be lost; the constraint is not."""
    wants(remy, "email")
    ask(world)
    sender.round_trip()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE console_reachplace SET n = 0")
    due_now()
    sender.round_trip()
    assert len(post.mails) == 1


def test_several_within_a_minute_are_one_message(world: World, remy: User, post: PostOffice, wants: Wants) -> None:
    """The first goes at once, what follows is gathered."""
    wants(remy, "email")
    ask(world)
    sender.round_trip()
    ask(world, 3)
    sender.round_trip()
    assert len(post.mails) == 1
    due_now()
    sender.round_trip()
    assert post.mails[1]["Subject"] == "3 things to look at in Countersign"
    assert len(re.findall("/open/", post.text())) == 3


def test_what_was_decided_meanwhile_is_not_sent(world: World, remy: User, rosa: User, post: PostOffice, wants: Wants) -> None:
    """Nobody is called to a request that is settled."""
    wants(remy, "email")
    (request,) = ask(world)
    index_log()
    outbox.gather()
    world.decide(request, rosa, "reject", instruction="Not to this customer, please.")
    sender.round_trip()
    assert post.mails == []
    assert Notice.objects.get(ref=request.ref).dropped


def test_a_server_that_is_away_is_tried_again(world: World, remy: User, post: PostOffice, wants: Wants) -> None:
    """Later, with a growing pause, and the message is the same message."""
    wants(remy, "email")
    ask(world)
    post.answer = "451 Come back later"
    sender.round_trip()
    row = Delivery.objects.get()
    assert (row.sent_at, row.given_up_at, row.error) == (None, None, "The mail server refused it: 451.")
    assert sender.round_trip() == 0
    post.answer = "250 Kept"
    due_now()
    sender.round_trip()
    assert len(post.mails) == 1
    assert post.mails[0]["Message-ID"] == sender.message_id(row)


def test_a_refused_recipient_is_given_up_at_once(world: World, remy: User, post: PostOffice, wants: Wants) -> None:
    """5xx is an answer; the person reads the reason in the settings."""
    wants(remy, "email")
    ask(world)
    post.answer = "550 No such mailbox"
    sender.round_trip()
    row = Delivery.objects.get()
    assert row.given_up_at is not None
    assert "550" in row.error


def test_a_message_is_given_up_after_a_bound(world: World, remy: User, settings: object, wants: Wants) -> None:
    """A server that never answers is not tried for ever, and what comes later is tried anew."""
    settings.EMAIL_PORT = 1  # type: ignore[attr-defined]  # nobody listens there
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"  # type: ignore[attr-defined]
    wants(remy, "email")
    ask(world)
    for _ in range(outbox.MOST_ATTEMPTS):
        assert Delivery.objects.filter(given_up_at=None).count() <= 1
        sender.round_trip()
        due_now()
    row = Delivery.objects.get()
    assert row.given_up_at is not None
    assert "cannot be reached" in row.error
    assert row.attempts == outbox.MOST_ATTEMPTS


def test_two_senders_send_one_message(world: World, remy: User, post: PostOffice, wants: Wants) -> None:
    """The place is locked and deliveries are claimed, however many hosts are at it."""
    wants(remy, "email")
    ask(world, 3)
    index_log()
    gate = threading.Barrier(4)

    def one(_: int) -> int:
        gate.wait()
        try:
            return sender.round_trip()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(one, range(4))) == 1
    assert len(post.mails) == 1
    assert len(re.findall("/open/", post.text())) == 3


def test_chat_gets_it_through_apprise(world: World, remy: User, room: Room, wants: Wants) -> None:
    """The kept library speaks to a real receiver; mail is not touched where it is not chosen."""
    wants(remy, "chat", chat=room.address)
    (request,) = ask(world)
    sender.round_trip()
    (said,) = room.said
    assert said["title"] == f"{request.ref} waits for a decision"
    assert "secret-customer" not in said["message"]


def test_a_chat_that_fails_is_tried_again_and_says_so(world: World, remy: User, room: Room, wants: Wants) -> None:
    """A chat cannot recognise a copy, so its reader is told that there may be one."""
    wants(remy, "chat", chat=room.address)
    ask(world)
    room.statuses = [503]
    sender.round_trip()
    assert "503" in Delivery.objects.get().error
    due_now()
    sender.round_trip()
    assert "you may have this twice" in room.said[0]["message"]


def test_who_leaves_is_not_told(world: World, remy: User, post: PostOffice, wants: Wants) -> None:
    """A closed account gets nothing, not even what already waited."""
    wants(remy, "email")
    ask(world)
    index_log()
    outbox.gather()
    User.objects.filter(pk=remy.pk).update(is_active=False)
    sender.round_trip()
    assert post.mails == []


def test_the_loop_survives_what_nobody_thought_of(world: World, remy: User, post: PostOffice, wants: Wants) -> None:
    """A table that is away for a while costs rounds, not the loop."""
    wants(remy, "email")
    stopping = threading.Event()
    thread = sender.start(stopping)
    ask(world)
    wait_until(lambda: post.mails)
    stopping.set()
    thread.join(180)
    assert not thread.is_alive()
