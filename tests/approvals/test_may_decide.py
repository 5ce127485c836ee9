"""Who may decide: roles by kind of request, four eyes, groups, programs, and fresh reauthentication."""

import pytest

from approvals.facts import Person, RequestFacts
from approvals.models import KINDS, VERDICTS
from approvals.policy import VERDICTS as VERDICTS_OF
from approvals.policy import may_decide, verdicts_for

ROLES = ("viewer", "auditor", "reviewer", "prompt_manager", "operator", "admin")
DECIDES = {
    "tool_call": {"reviewer", "admin"},
    "question": {"reviewer", "admin"},
    "budget": {"reviewer", "operator", "admin"},
    "unknown_outcome": {"reviewer", "operator", "admin"},
    "stuck": {"reviewer", "operator", "admin"},
    "prompt_release": {"reviewer", "prompt_manager", "admin"},
}
CALL = RequestFacts("tool_call", excluded=frozenset({7}), requester=7)


def person(*roles: str, number: int = 1, service: bool = False, reauthenticated: bool | None = True) -> Person:
    """Return somebody with these roles."""
    return Person(number, "Somebody", frozenset(roles), service, reauthenticated)


def code(who: Person, request: RequestFacts, verdict: str) -> str | None:
    """Return the code of the refusal."""
    refusal = may_decide(who, request, verdict)
    return None if refusal is None else refusal.code


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("kind", KINDS)
def test_roles_decide_their_kinds(kind: str, role: str) -> None:
    """The rights table of the API: which role decides which kind."""
    allowed = role in DECIDES[kind]
    assert (code(person(role), RequestFacts(kind), VERDICTS_OF[kind][0]) is None) == allowed


@pytest.mark.parametrize("role", ROLES)
def test_four_eyes_hold_for_every_role(role: str) -> None:
    """APPR-5; THREATS 22: nobody, admin included, decides what they started."""
    assert code(person(role, number=7), CALL, "approve") == "four_eyes"
    assert code(person(role, number=7), CALL, "reject") == "four_eyes"


def test_requester_is_excluded_even_when_the_list_forgets_him() -> None:
    """Two places would have to be wrong for four eyes to fail."""
    assert code(person("admin", number=7), RequestFacts("tool_call", requester=7), "approve") == "four_eyes"


def test_requester_alone_confirms_where_policy_says_so() -> None:
    """TOOL-6: self_confirm is for the requester, not for others who have part in it; he needs no reviewer's role."""
    request = RequestFacts("tool_call", excluded=frozenset({7, 8}), requester=7, self_confirm=True)
    assert code(person(number=7), request, "approve") is None
    assert code(person("admin", number=8), request, "approve") == "four_eyes"
    assert code(person("viewer", number=9), request, "approve") == "role"


def test_every_group_has_to_be_met() -> None:
    """APPR-5: "finance|legal" is met by either, two entries by both."""
    request = RequestFacts("tool_call", groups=("finance|legal", "seniors"))
    assert code(person("reviewer", "legal", "seniors"), request, "approve") is None
    assert code(person("reviewer", "legal"), request, "approve") == "group"
    assert code(person("admin", "seniors"), request, "approve") == "group"


def test_programs_never_decide() -> None:
    """THREATS 23, 25: a service token is refused whatever its owner may do."""
    assert code(person("admin", service=True), RequestFacts("tool_call"), "approve") == "service_token"


@pytest.mark.parametrize(
    ("reauthenticated", "verdict", "refusal"),
    [
        (True, "approve", None),
        (False, "approve", "reauthenticate"),
        (False, "edit", "reauthenticate"),
        (False, "reject", None),
        (None, "approve", "reauthentication_impossible"),
        (None, "edit", "reauthentication_impossible"),
        (None, "reject", None),
    ],
)
def test_destructive_calls_ask_for_the_password_again(reauthenticated: bool | None, verdict: str, refusal: str | None) -> None:
    """APPR-5; THREATS 30: what lets it run asks for it, a token cannot give it, a rejection needs nothing."""
    who = person("reviewer", reauthenticated=reauthenticated)
    assert code(who, RequestFacts("tool_call", reauthenticate=True), verdict) == refusal


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("verdict", VERDICTS)
def test_each_kind_knows_its_verdicts(kind: str, verdict: str) -> None:
    """The table of verdicts of the API."""
    refused = code(person("admin"), RequestFacts(kind), verdict) == "invalid_verdict"
    assert refused == (verdict not in VERDICTS_OF[kind])


def test_unknown_kind_takes_no_verdict() -> None:
    """What nobody knows nobody decides."""
    assert code(person("admin"), RequestFacts("nonsense"), "approve") == "invalid_verdict"


def test_offered_verdicts_are_those_that_would_be_taken() -> None:
    """The API's `verdicts`: those that one may give now."""
    assert verdicts_for(person("reviewer"), CALL) == ("approve", "reject", "edit")
    assert verdicts_for(person("reviewer", number=7), CALL) == ()
    assert verdicts_for(person("reviewer", reauthenticated=None), RequestFacts("tool_call", reauthenticate=True)) == ("reject",)
