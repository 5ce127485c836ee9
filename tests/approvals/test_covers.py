"""Deciding in somebody's place for a while: bounded in time, never around four eyes, one vote a place (APPR-5, APPR-6, THREATS 29)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction
from django.utils import timezone

from approvals.claims import assign, claim, holder_of
from approvals.covers import MOST, Wish, agree, covers, end, state_of
from approvals.errors import AlreadyDecided, CannotCover, NotConsumable, NotYours, UnknownCover
from approvals.facts import Judgement, Person, Place, Reason, RequestFacts
from approvals.models import ApprovalRequest, Cover, Decision
from approvals.places import places_of, with_places
from approvals.policy import may_decide, place_for
from approvals.services import consume, decide, exclude, ready
from audit.models import AuditEntry
from tests.approvals.conftest import WORKER, as_actor, as_person, ask, by, edit_of
from tests.conftest import person

pytestmark = pytest.mark.django_db
LEGAL = Judgement("ask", (Reason("rule", "Policy rule 'Law'."),), risk=3, groups=("legal",))
TWO = Judgement("ask", (Reason("rule", "Policy rule 'Two'."),), risk=3, required=2, groups=("legal",))
DAY = timedelta(days=1)


@pytest.fixture
def lea(db: None) -> User:
    """Lea reviews for the legal department, and goes away."""
    return person("lea", "reviewer", "legal")


def covered(absent: User, deputy: User, **changed: Any) -> Cover:
    """Let somebody decide in another's place for a day, from now on."""
    values: dict[str, Any] = {
        "absent": as_person(absent),
        "deputy": as_person(deputy),
        "until": timezone.now() + DAY,
        **changed,
    }
    return agree(Wish(**values), **by(absent))


def approve(row: ApprovalRequest, user: User, **changed: Any) -> Decision:
    """Approve as somebody, and return the vote."""
    return decide(request_id=row.id, verdict="approve", digest=row.digest, **by(user), **changed).decision


def votes(row: ApprovalRequest) -> int:
    """Return how many of the votes on a request still count."""
    return ready([row.id])[row.id].votes


def test_a_cover_lets_another_decide_and_the_decision_names_both(lea: User, remy: User) -> None:
    """Remy is not of the legal department; for Lea, he decides, and every record says so."""
    row = ask(LEGAL)
    with pytest.raises(NotYours):
        approve(row, remy)
    covered(lea, remy)
    vote = approve(row, remy)
    assert (vote.decided_by, vote.in_place_of, vote.in_place_name) == (remy.pk, lea.pk, "Lea")
    entry = AuditEntry.objects.filter(stream=row.stream, kind="approval.approved").latest("seq").body_json
    assert entry["principal"]["id"] == str(remy.pk)
    assert (entry["facts"]["in_place_of"], entry["facts"]["in_place_name"]) == (str(lea.pk), "Lea")
    assert votes(row) == 1


def test_an_ordinary_decision_stores_nothing_of_it(lea: User, remy: User, rosa: User) -> None:
    """Where one's own right suffices the cover is not used."""
    covered(lea, remy)
    assert approve(ask(), remy).in_place_of is None


def test_what_was_given_to_the_absent_one_is_decided_for_them(lea: User, remy: User, ada: User) -> None:
    """Remy could decide it himself; since it is Lea's, the record says that he did it for her."""
    row = ask()
    assign(request_id=row.id, to=as_person(lea), **by(ada))
    covered(lea, remy)
    assert approve(row, remy).in_place_name == "Lea"


def test_the_deputy_can_take_it_in_hand_and_be_given_it(lea: User, remy: User, ada: User) -> None:
    """APPR-6: whoever may decide it in her place may hold it too."""
    covered(lea, remy)
    claim(request_id=ask(LEGAL).id, **by(remy))
    row = assign(request_id=ask(LEGAL).id, to=as_person(remy), **by(ada))
    holder = holder_of(row, timezone.now())
    assert holder is not None
    assert holder.name == "Remy"


def test_four_eyes_hold_for_the_absent_one_too(lea: User, remy: User) -> None:
    """A cover is not a way around: what Lea may not decide, nobody decides for her."""
    covered(lea, remy)
    for row in (
        ask(LEGAL, excluded=frozenset({lea.pk})),
        ask(LEGAL, requester=lea.pk),
        ask(LEGAL, excluded=frozenset({remy.pk})),
    ):
        with pytest.raises(NotYours):
            approve(row, remy)


def test_who_writes_in_the_session_later_takes_the_vote_with_them(lea: User, remy: User) -> None:
    """Four eyes are widened to the absent one after her deputy had voted: the vote counts no more."""
    row = ask(LEGAL)
    covered(lea, remy)
    approve(row, remy)
    assert row.session_id is not None
    exclude(session_id=row.session_id, user_id=lea.pk, actor=as_actor(lea))
    assert votes(row) == 0


def test_a_place_is_one_vote(lea: User, remy: User, rosa: User) -> None:
    """A quorum of two is not met by Lea and whoever stands in for her, in either order, nor by two deputies."""
    covered(lea, remy)
    covered(lea, rosa)
    first = ask(TWO)
    approve(first, remy)
    for second in (lea, rosa, remy):
        with pytest.raises(AlreadyDecided):
            approve(first, second)
    other = ask(TWO)
    approve(other, lea)
    with pytest.raises(AlreadyDecided):
        approve(other, remy)


def test_roles_are_not_added_up(lea: User, remy: User) -> None:
    """Neither could decide what asks for both groups, so neither can in the other's place."""
    remy.groups.add(Group.objects.create(name="finance"))
    covered(lea, remy)
    with pytest.raises(NotYours):
        approve(ask(Judgement("ask", (), risk=3, groups=("legal", "finance"))), remy)


def test_who_reads_no_calls_any_more_decides_none(lea: User, olga: User) -> None:
    """Somebody who stands in for a reviewer and is no more than a prompt manager now: nothing, not even what was voted."""
    covered(lea, olga)
    row = ask(LEGAL)
    approve(row, olga)
    olga.groups.set([Group.objects.get_or_create(name="prompt_manager")[0]])
    assert votes(row) == 0
    with pytest.raises(NotYours):
        approve(ask(LEGAL), olga)


def test_there_are_no_chains(lea: User, remy: User, rosa: User) -> None:
    """Who covers Remy does not cover those whom Remy covers."""
    covered(lea, remy)
    covered(remy, rosa)
    with pytest.raises(NotYours):
        approve(ask(LEGAL), rosa)


def test_an_edit_is_judged_by_what_the_place_may(lea: User, remy: User) -> None:
    """An edit that comes to ask for the legal department is the deputy's, in her place."""
    row = ask()
    with pytest.raises(NotYours):
        decide(request_id=row.id, verdict="edit", digest=row.digest, edit=edit_of(row, LEGAL), **by(remy))
    covered(lea, remy)
    decided = decide(request_id=row.id, verdict="edit", digest=row.digest, edit=edit_of(row, LEGAL), **by(remy))
    assert decided.decision.in_place_name == "Lea"
    assert votes(row) == 1


def _ended(cover: Cover, lea: User, remy: User) -> None:
    end(cover.id, **by(lea))


def _left_the_group(cover: Cover, lea: User, remy: User) -> None:
    lea.groups.remove(Group.objects.get(name="legal"))


def _absent_switched_off(cover: Cover, lea: User, remy: User) -> None:
    User.objects.filter(pk=lea.pk).update(is_active=False)


def _deputy_switched_off(cover: Cover, lea: User, remy: User) -> None:
    User.objects.filter(pk=remy.pk).update(is_active=False)


ENDS = (_ended, _left_the_group, _absent_switched_off, _deputy_switched_off)


@pytest.mark.parametrize("ends", ENDS)
def test_a_cover_that_is_over_gives_nothing_and_its_votes_count_no_more(ends: Any, lea: User, remy: User) -> None:
    """THREATS 24, 29: tried again when the approval is used, by the database's clock and the roles of then."""
    cover, row = covered(lea, remy), ask(LEGAL)
    approve(row, remy)
    assert votes(row) == 1
    ends(cover, lea, remy)
    with pytest.raises(NotConsumable) as refused:
        consume(ready([row.id])[row.id], row.digest, actor=WORKER)
    assert refused.value.cause == "votes"
    if ends is not _deputy_switched_off:
        with pytest.raises(NotYours):
            approve(ask(LEGAL), remy)


def test_a_cover_begins_when_it_says(lea: User, remy: User) -> None:
    """Agreed today for tomorrow, it gives nothing today."""
    cover = covered(lea, remy, since=timezone.now() + DAY, until=timezone.now() + 2 * DAY)
    assert state_of(cover, timezone.now()) == "planned"
    with pytest.raises(NotYours):
        approve(ask(LEGAL), remy)


def test_a_cover_ends_by_itself(lea: User, remy: User) -> None:
    """THREATS 29: nobody has to think of it; what was is read by the same statement at decision and use."""
    now = timezone.now()
    values = {"absent": lea.pk, "absent_name": "Lea", "deputy": remy.pk, "deputy_name": "Remy", "roles": ["legal", "reviewer"]}
    cover = Cover.objects.create(**values, agreed_by="Lea", starts_at=now - 2 * DAY, ends_at=now - timedelta(seconds=1))
    assert (state_of(cover, now), places_of([remy.pk])) == ("over", {})
    with pytest.raises(NotYours):
        approve(ask(LEGAL), remy)


def test_only_what_was_chosen_is_lent(lea: User, remy: User, olga: User) -> None:
    """Lea lends her place as a reviewer, not as one of the legal department."""
    covered(lea, olga, roles=["reviewer"])
    assert approve(ask(), olga).in_place_name == "Lea"
    with pytest.raises(NotYours):
        approve(ask(LEGAL), olga)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"until": timedelta(days=91)}, "until"),
        ({"until": timedelta(0)}, "until"),
        ({"since": timedelta(days=2), "until": DAY}, "until"),
        ({"since": timedelta(days=181), "until": timedelta(days=182)}, "since"),
        ({"roles": ["admin"]}, "roles"),
        ({"roles": ["viewer"]}, "roles"),
        ({"reason": "x" * 501}, "reason"),
    ],
)
def test_a_cover_is_bounded(changed: dict[str, Any], field: str, lea: User, remy: User) -> None:
    """Ninety days, roles that the absent one has, and a reason of a length that is read."""
    lea.groups.add(Group.objects.get_or_create(name="viewer")[0])
    now = timezone.now()
    values = {name: now + value if isinstance(value, timedelta) else value for name, value in changed.items()}
    with pytest.raises(CannotCover) as refused:
        covered(lea, remy, **values)
    assert refused.value.field == field


def test_nobody_covers_themselves_and_only_who_reads_covers_anybody(lea: User, vic: User, paul: User, remy: User) -> None:
    """The deputy is another human who decides and reads what there is to decide; twenty covers are enough."""
    for deputy in (lea, vic, paul):
        with pytest.raises(CannotCover):
            covered(lea, deputy)
    for _ in range(MOST):
        covered(lea, remy)
    with pytest.raises(CannotCover, match="covers already"):
        covered(lea, remy)


def test_one_names_ones_own_cover_and_an_admin_anybodys(lea: User, remy: User, rosa: User, ada: User) -> None:
    """Nobody appoints himself; a service token appoints nobody."""
    wish = Wish(absent=as_person(lea), deputy=as_person(remy), until=timezone.now() + DAY)
    for other in (remy, rosa):
        with pytest.raises(NotYours):
            agree(wish, **by(other))
    robot = Person(lea.pk, "robot", frozenset({"reviewer"}), service=True)
    with pytest.raises(NotYours):
        agree(wish, person=robot, actor=as_actor(lea))
    cover = agree(wish, **by(ada))
    assert cover.agreed_by == "Ada"
    entry = AuditEntry.objects.filter(stream=f"user:{lea.pk}", kind="cover.agreed").latest("seq").body_json
    assert (entry["facts"]["deputy_name"], entry["facts"]["roles"]) == ("Remy", ["legal", "reviewer"])
    with pytest.raises(UnknownCover):
        end(cover.id, **by(rosa))
    assert end(cover.id, **by(remy)).ended_by == "Remy"
    assert end(cover.id, **by(remy)).ended_by == "Remy"


def test_the_list_shows_what_one_gave_and_received(lea: User, remy: User, rosa: User) -> None:
    """Each sees their own; what is over is left out where only standing ones are asked for."""
    first, second = covered(lea, remy), covered(remy, rosa)
    now = timezone.now()
    assert list(covers(of=remy.pk, standing=True, now=now)) == [second, first]
    end(first.id, **by(lea))
    assert list(covers(of=lea.pk, standing=True, now=now)) == []
    assert [state_of(row, now) for row in covers(of=None, standing=False, now=now)] == ["running", "ended"]


def test_the_database_refuses_a_vote_that_no_cover_carries(lea: User, remy: User, request_row: ApprovalRequest) -> None:
    """Whoever writes it, whatever his program says; nor is a cover changed or deleted."""
    values = {"request": request_row, "revision": 1, "verdict": "approve", "digest": request_row.digest,
              "decided_by": remy.pk, "decided_name": "Remy", "in_place_of": lea.pk, "in_place_name": "Lea"}  # fmt: skip
    with pytest.raises(IntegrityError), transaction.atomic():
        Decision.objects.create(**values)
    cover = covered(lea, remy)
    with pytest.raises(IntegrityError), transaction.atomic():
        Cover.objects.filter(pk=cover.pk).update(ends_at=timezone.now() + 30 * DAY)
    with pytest.raises(IntegrityError), transaction.atomic():
        cover.delete()
    row = ask(excluded=frozenset({lea.pk}))
    with pytest.raises(IntegrityError), transaction.atomic():
        Decision.objects.create(**{**values, "request": row, "digest": row.digest})
    Decision.objects.create(**values)


def test_a_service_stands_in_nobodys_place(lea: User, remy: User) -> None:
    """THREATS 23: a program decides for nobody."""
    covered(lea, remy)
    robot = Person(remy.pk, "robot", frozenset({"reviewer"}), service=True)
    assert with_places(robot).places == ()
    assert places_of([remy.pk])[remy.pk] == (Place(lea.pk, "Lea", frozenset({"legal", "reviewer"})),)


def test_the_password_is_the_deputys_own() -> None:
    """What asks for it asks whoever decides, also in another's place."""
    place = Place(2, "Lea", frozenset({"reviewer"}))
    request = RequestFacts("tool_call", reauthenticate=True)
    deputy = Person(1, "Vic", frozenset({"operator"}), places=(place,))
    for proven, code in ((False, "reauthenticate"), (None, "reauthentication_impossible"), (True, None)):
        refusal = may_decide(replace(deputy, reauthenticated=proven), request, "approve")
        assert (refusal.code if refusal else None) == code
    assert place_for(replace(deputy, reauthenticated=True), request, "approve") == place
