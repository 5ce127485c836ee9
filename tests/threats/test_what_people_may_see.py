"""A reviewer who sees more than he may: sensitive fields are covered until they are asked for, and asking is an entry."""

import json
from collections.abc import Callable, Iterator
from typing import Annotated

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pydantic import BaseModel, ConfigDict, Field

from agents.gate import answer
from agents.models import Session
from agents.tools import Sensitive, ToolContext, registry, tool
from approvals.errors import NotRevealed, NotYours, StaleDigest
from approvals.models import ApprovalRequest, Reveal
from approvals.reveals import reveal
from audit.models import AuditEntry
from tests.console.api.calls import Program
from tests.flows.conftest import World, actor_of, person_of
from tests.threats.conftest import ask

IBAN = "DE89370400440532013000"
SHOWN = "[IBAN, 22 characters, hidden]"
SPELLINGS = (IBAN, IBAN.lower(), "de89 3704 0044 0532 0130 00")
SignedIn = Callable[[User | None], Client]


class Account(BaseModel):
    model_config = ConfigDict(extra="forbid")
    iban: Annotated[str, Field(json_schema_extra={"sensitive": "IBAN"})]
    bank: str


class Transfer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    to: str
    account: Account
    cents: int
    tax_number: Sensitive[str] = ""


@pytest.fixture(autouse=True)
def _tools() -> Iterator[None]:
    """A tool with a field that is nobody's business, and whose answer repeats it."""
    registry.load()

    @tool(tier="irreversible_write", idempotent=False, summary="Pay {cents} cents to {to}, {account}")
    def transfer(args: Transfer, context: ToolContext) -> object:
        """Pay."""
        return {"paid": args.cents, "account": args.account.iban}

    yield
    registry._tools.pop("transfer")


@pytest.fixture
def asked(world: World) -> tuple[Session, ApprovalRequest]:
    """A payment that waits for a person."""
    world.agent(slug="payer", tools=["transfer"])
    return ask(world, "scenario: transfer", agent="payer")


def tells(text: str) -> bool:
    """Whether a text gives the account away, however it is written."""
    return any(spelling in text for spelling in SPELLINGS)


def look(request: ApprovalRequest, by: User, *, reads_all: bool = False) -> None:
    """Have the sensitive fields of a request shown."""
    reveal(request_id=request.id, person=person_of(by), actor=actor_of(by), digest=request.digest, reads_all=reads_all)


def test_a_sensitive_value_is_on_no_page_before_it_is_asked_for(
    asked: tuple[Session, ApprovalRequest], world: World, signed_in: SignedIn, remy: User, olga: User
) -> None:
    """THREATS 58, GUARD-12: queue, request, its JSON and changes, edit, bulk, session, timeline, search: a mark stands there."""
    session, request = asked
    assert SHOWN in request.summary
    pages = [
        "/approvals/", f"/approvals/{request.ref}/", f"/approvals/{request.ref}/?tab=json", f"/approvals/{request.ref}/?tab=changes",
        f"/approvals/{request.ref}/edit/", f"/approvals/{request.ref}/edit/?mode=json", f"/approvals/bulk/?ref={request.ref}",
        f"/sessions/{session.ref}/", f"/sessions/{session.ref}/?view=waterfall&span=c1.0", "/sessions/", "/jump/?q=payer",
    ]  # fmt: skip
    for who in (remy, olga):
        client, program = signed_in(who), Program(who)
        for page in pages:
            answer_ = client.get(page)
            assert answer_.status_code == 200, page
            assert not tells(answer_.content.decode()), page
        for path in (
            f"/approvals/{request.ref}",
            "/approvals",
            f"/sessions/{session.ref}/timeline",
            f"/sessions/{session.ref}",
        ):
            assert not tells(program.get(path).content.decode()), path
    assert SHOWN in signed_in(remy).get(f"/approvals/{request.ref}/").content.decode()
    told = json.loads(Program(remy).get(f"/approvals/{request.ref}").content)
    assert told["sensitive"] == [{"path": "account.iban", "kind": "IBAN", "shown": False}]
    assert told["arguments"]["account"] == {"iban": SHOWN, "bank": "Bank of Kim"}
    assert told["verdicts"] == ["reject"]


def test_nobody_approves_or_edits_what_is_covered_for_them(
    asked: tuple[Session, ApprovalRequest], world: World, remy: User, rosa: User
) -> None:
    """THREATS 58: the server refuses, not the page; one person's look is not another's; rejecting needs none."""
    _, request = asked
    look(request, rosa)
    with pytest.raises(NotRevealed) as refused:
        world.decide(request, remy, "approve")
    assert "account.iban" in refused.value.detail
    with pytest.raises(NotRevealed):
        world.decide(request, remy, "edit", arguments={"to": "Kim", "account": {"iban": "X", "bank": "B"}, "cents": 1})
    world.decide(request, remy, "reject", instruction="Ask finance first.")
    request.refresh_from_db()
    assert request.status == "rejected"


def test_what_was_revealed_can_be_approved_and_the_entry_names_no_value(
    asked: tuple[Session, ApprovalRequest], world: World, signed_in: SignedIn, remy: User, olga: User
) -> None:
    """GUARD-12, AUDIT-6: one press shows it to that person alone; one entry says who, what fields, which request."""
    session, request = asked
    client = signed_in(remy)
    address = f"/approvals/{request.ref}/"
    for _ in range(2):
        assert client.post(f"{address}reveal/", {"digest": request.digest}).status_code == 302
    assert IBAN in client.get(address).content.decode()
    assert not tells(signed_in(olga).get(address).content.decode())
    (entry,) = AuditEntry.objects.filter(kind="content.revealed")
    assert not tells(bytes(entry.body).decode())
    assert json.loads(bytes(entry.body))["facts"]["fields"] == ["account.iban"]
    assert request.ref in json.loads(bytes(entry.body))["ids"]
    world.decide(request, remy, "approve")
    world.work()
    assert world.calls(session)[0].status == "succeeded"
    page = signed_in(olga).get(f"/sessions/{session.ref}/").content.decode()
    assert SHOWN in page
    assert not tells(page)
    assert world.log_is_whole()


def test_an_edit_is_another_revision_and_is_covered_again(
    asked: tuple[Session, ApprovalRequest], world: World, signed_in: SignedIn, remy: User, rosa: User
) -> None:
    """GUARD-12: who saw revision 1 has not seen revision 2, and the difference that is kept tells no value."""
    world.policy(rules=[{"name": "Two", "tool": "transfer", "then": "ask", "required": 2}])
    _, request = asked
    look(request, remy)
    look(request, rosa)
    other = "GB33BUKB20201555555555"
    arguments = {"to": "Kim", "account": {"iban": other, "bank": "Bank of Kim"}, "cents": 4500, "tax_number": "12 345"}
    decided = world.decide(request, remy, "edit", arguments=arguments)
    assert decided.effect == "pending"
    request.refresh_from_db()
    assert other not in json.dumps(decided.decision.difference)
    assert not tells(json.dumps(decided.decision.difference))
    assert [place["path"] for place in request.facts["sensitive"]] == [["account", "iban"], ["tax_number"]]
    page = signed_in(rosa).get(f"/approvals/{request.ref}/").content.decode()
    assert other not in page
    assert not tells(page)
    with pytest.raises(NotRevealed):
        world.decide(request, rosa, "approve")
    look(request, rosa)
    world.decide(request, rosa, "approve")


def test_sensitive_fields_are_shown_to_who_may_decide_or_reads_everything(
    asked: tuple[Session, ApprovalRequest], world: World, remy: User, olga: User, vic: User, audrey: User
) -> None:
    """THREATS 58: a viewer, and who started the session, have nothing shown; an auditor and an operator have; no program has."""
    _, request = asked
    statuses = {
        who.first_name: Program(who).post(f"/approvals/{request.ref}/reveal", {"digest": request.digest}).status_code
        for who in (vic, audrey, remy, olga)
    }
    assert statuses == {"Vic": 403, "Audrey": 200, "Remy": 200, "Olga": 200}
    assert (
        Program(remy, service="nightly").post(f"/approvals/{request.ref}/reveal", {"digest": request.digest}).status_code == 403
    )
    with pytest.raises(NotYours):
        look(request, vic)
    with pytest.raises(NotYours):
        look(request, olga)  # she reads everything by right; she may not decide this
    with pytest.raises(StaleDigest):
        reveal(request_id=request.id, person=person_of(remy), actor=actor_of(remy), digest="0" * 64, reads_all=False)
    assert Reveal.objects.count() == 3


def test_a_set_leaves_out_what_is_covered(asked: tuple[Session, ApprovalRequest], signed_in: SignedIn, remy: User) -> None:
    """THREATS 58: in bulk a request with sensitive fields is one to open first."""
    page = signed_in(remy).get(f"/approvals/bulk/?verdict=approve&ref={asked[1].ref}").content.decode()
    assert "open it and have them shown" in page or "Its risk is too high" in page


def test_a_call_without_sensitive_fields_reads_and_writes_nothing_more(world: World, remy: User) -> None:
    """Tools that mark nothing cost nothing: no place is kept, nothing is asked before a decision."""
    session, request = ask(world)
    assert "sensitive" not in request.facts
    answer(request_id=request.id, person=person_of(remy), actor=actor_of(remy), verdict="approve", digest=request.digest)
    assert not Reveal.objects.exists()
    assert session.ref


def test_an_unreadable_call_of_such_a_tool_shows_nothing(world: World, signed_in: SignedIn, olga: User) -> None:
    """What could not be validated may hold the value anywhere, so none of it is shown."""
    world.agent(slug="payer", tools=["transfer"])
    session = world.start("scenario: transfer-wrong", agent="payer")
    world.work()
    page = signed_in(olga).get(f"/sessions/{session.ref}/").content.decode()
    assert not tells(page)
    assert "cannot be read as JSON" in page
