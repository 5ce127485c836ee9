"""A person's own settings, by plain forms (UI.md 3, 5; WCAG 2.1.4)."""

from collections.abc import Callable

from django.contrib.auth.models import User
from django.test import Client

from agents.models import Session
from approvals.models import ApprovalRequest
from audit.index import index_log
from audit.models import AuditEntry
from console.models import OCCASIONS, Delivery, Preference
from console.preferences import settings_of

SignedIn = Callable[[User | None], Client]
SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"


def test_a_look_holds_wherever_the_person_signs_in(signed_in: SignedIn, remy: User, rosa: User) -> None:
    """It stands with the account, not in the browser, and is nobody else's."""
    signed_in(remy).post("/settings/look/", {"theme": "dark", "density": "comfortable"})
    page = signed_in(remy).get("/approvals/").content
    assert b'data-theme="dark" data-density="comfortable" data-letters="off"' in page
    assert b"data-density" not in signed_in(rosa).get("/approvals/").content


def test_single_letters_can_be_turned_off_and_on(signed_in: SignedIn, remy: User) -> None:
    """WCAG 2.1.4."""
    client = signed_in(remy)
    client.post("/settings/look/", {"theme": "", "density": "compact"})
    assert b'data-letters="off"' in client.get("/sessions/").content
    client.post("/settings/look/", {"theme": "", "density": "compact", "letters": "true"})
    assert b"data-letters" not in client.get("/sessions/").content


def test_a_look_that_is_none_is_refused(signed_in: SignedIn, remy: User) -> None:
    """Nothing of it is kept."""
    assert signed_in(remy).post("/settings/look/", {"theme": "neon"}).status_code == 422
    assert not Preference.objects.exists()


def test_the_button_of_the_menu_keeps_the_theme_too(signed_in: SignedIn, remy: User) -> None:
    """One theme, two places to set it."""
    signed_in(remy).post("/theme/", {"theme": "light", "next": "/"})
    assert settings_of(remy.pk).theme == "light"


def test_what_reaches_a_person_is_kept_and_noted(signed_in: SignedIn, remy: User) -> None:
    """With an entry in the log, without the address, which is encrypted in the table."""
    sent = {"occasions": ["requested", "ended"], "channels": ["email", "chat"], "chat": SLACK}
    assert signed_in(remy).post("/settings/notifications/", sent).status_code == 302
    mine = settings_of(remy.pk)
    kept = ("requested", "ended", "budget", "breaker", "canary", "audit")  # what a reviewer is not offered stays as it was
    assert (mine.occasions, mine.channels, mine.chat) == (kept, ("email", "chat"), SLACK)
    assert b"TIiajkdnlazkcOXrIdevi7FQ" not in bytes(Preference.objects.get().chat)
    body = AuditEntry.objects.get(kind="user.changed").body_json
    assert body["facts"] == {
        "changed": "notifications", "occasions": [*kept], "channels": ["email", "chat"], "chat_changed": True,
    }  # fmt: skip


def test_nobody_is_offered_what_never_reaches_them(signed_in: SignedIn, remy: User, olga: User, vic: User) -> None:
    """Budgets and breakers are told to those who act on them, requests to those who decide."""

    def offered(user: User) -> set[str]:
        page = signed_in(user).get("/settings/").content.decode()
        return {name for name in OCCASIONS if f'name="occasions" value="{name}"' in page}

    assert offered(olga) == set(OCCASIONS)
    assert offered(remy) == {"requested", "escalated", "assigned", "ended"}
    assert offered(vic) == {"ended"}
    assert "dead letter" not in signed_in(remy).get("/settings/").content.decode().partition("What reaches you")[2]


def test_a_kept_address_is_never_shown_again(signed_in: SignedIn, remy: User) -> None:
    """It stays while nothing is typed, and goes when it is to be forgotten."""
    client = signed_in(remy)
    client.post("/settings/notifications/", {"channels": ["chat"], "chat": SLACK})
    assert b"TIiajkdnlazkcOXrIdevi7FQ" not in client.get("/settings/").content
    client.post("/settings/notifications/", {"channels": ["chat"], "chat": ""})
    assert settings_of(remy.pk).chat == SLACK
    client.post("/settings/notifications/", {"forget": "true"})
    assert settings_of(remy.pk).chat == ""


def test_an_address_that_is_none_is_said_at_its_field(signed_in: SignedIn, remy: User) -> None:
    """And what was typed is not sent back: it may be a secret."""
    answer = signed_in(remy).post("/settings/notifications/", {"channels": ["chat"], "chat": "file:///etc/passwd"})
    assert answer.status_code == 422
    assert b"not an address of one of the services" in answer.content
    assert b"/etc/passwd" not in answer.content
    answer = signed_in(remy).post("/settings/notifications/", {"channels": ["chat"]})
    assert b"there is no address to send to" in answer.content


def test_what_could_not_be_delivered_is_told(signed_in: SignedIn, remy: User, rosa: User) -> None:
    """To whom it was for, with the reason."""
    Delivery.objects.create(user=remy, channel="email", attempts=8, given_up_at="2026-11-22T10:00Z", error="No such mailbox.")
    assert b"No such mailbox." in signed_in(remy).get("/settings/").content
    assert b"No such mailbox." not in signed_in(rosa).get("/settings/").content


def test_news_are_those_of_the_person_who_asks(
    waiting: tuple[Session, ApprovalRequest], signed_in: SignedIn, remy: User, olga: User, vic: User
) -> None:
    """What a page in the background shows: only what its person may decide, and nothing raw."""
    index_log()
    _, request = waiting
    (item,) = signed_in(remy).get("/news/?after=0").json()["items"]
    assert (item["title"], item["url"]) == (f"{request.ref} waits for a decision", f"/approvals/{request.ref}/")
    assert signed_in(vic).get("/news/?after=0").json() == {"items": []}
    assert signed_in(olga).get("/news/?after=0").json() == {"items": []}
    assert signed_in(remy).get("/news/?after=nonsense").json() == {"items": []}


def test_a_refused_page_says_which_role_and_whom_to_ask(signed_in: SignedIn, vic: User, ada: User, audrey: User) -> None:
    """UI.md 8: a refusal is a way on."""
    answer = signed_in(vic).get("/audit/")
    assert answer.status_code == 403
    assert b"the role" in answer.content
    assert b"Ask Ada or Audrey." in answer.content


def test_a_page_that_is_not_there_offers_to_look_for_it(signed_in: SignedIn, remy: User) -> None:
    """The search of Ctrl+K, without script."""
    assert b'action="/jump/"' in signed_in(remy).get("/approvals/AP-999999/").content
