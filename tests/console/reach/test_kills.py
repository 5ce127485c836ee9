"""The sender dies between the server's yes and its own note of it: the message comes again as the same message."""

import subprocess
import sys

from django.contrib.auth.models import User

from console.models import Delivery
from tests.console.reach.conftest import PostOffice, Wants, due_now
from tests.console.reach.test_outbox import ask
from tests.flows.conftest import World
from tests.server import ROOT

ROUND = "import django; django.setup(); from console.reach import sender; sender.round_trip()"


def sending(world: World, post: PostOffice) -> subprocess.Popen[bytes]:
    """Start one round in a process of its own."""
    environment = {
        **world.database.environment,
        "EMAIL_HOST": "127.0.0.1",
        "EMAIL_PORT": str(post.port),
        "SECRET_KEY": "tests-only-" + "0123456789abcdef" * 4,
        "LOG_LEVEL": "WARNING",
    }
    return subprocess.Popen([sys.executable, "-c", ROUND], env=environment, cwd=ROOT)


def test_a_kill_between_send_and_note_repeats_the_same_message(
    world: World, remy: User, post: PostOffice, wants: Wants
) -> None:
    """At least once: nothing is lost, and the copy has the Message-ID and the text of the first."""
    wants(remy, "email")
    ask(world)
    # The server learns whom to end from the process that is about to speak to it.
    with sending_that_dies(world, post) as process:
        assert process.wait(180) == -9
    row = Delivery.objects.get()
    assert (row.sent_at, row.attempts) == (None, 1)
    post.kill = 0
    due_now()
    with sending(world, post) as process:
        assert process.wait(180) == 0
    first, second = post.mails
    assert first["Message-ID"] == second["Message-ID"]
    row.refresh_from_db()
    assert (row.sent_at is not None, row.attempts) == (True, 2)


def sending_that_dies(world: World, post: PostOffice) -> subprocess.Popen[bytes]:
    """Start a round whose process is killed as soon as the server has the message."""
    process = sending(world, post)
    post.kill = process.pid
    return process


def test_a_delivery_that_is_being_sent_is_left_alone(world: World, remy: User, post: PostOffice, wants: Wants) -> None:
    """As long as its lease lasts; after it, somebody else sends it."""
    wants(remy, "email")
    ask(world)
    with sending_that_dies(world, post) as process:
        process.wait(180)
    post.kill = 0
    with sending(world, post) as process:
        process.wait(180)
    assert len(post.mails) == 1
