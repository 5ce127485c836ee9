"""From life to test over the API: a session, or a request that people rejected or changed, becomes a case; what has none."""

from datetime import datetime
from typing import Annotated

from ninja import Router, Schema
from pydantic import Field

from agents import services
from agents.evals import life
from agents.models import Case
from approvals import queries
from console.api.endpoint import ApiRequest, endpoint
from console.api.reading import ApprovalRef, Body, SessionRef, SlugPath, Word
from console.revealing import check_reads
from console.rights import Right

router = Router(tags=["evaluations"])
WRITES = (404, 409, 413, 415, 422)


class NewCaseOfLife(Body):
    """Where the case lands. Where no suite is named: where it is already, else the agent's newest, a new one where it has none."""

    suite: Annotated[Word, Field(max_length=63)] = ""


class CaseOfLife(Schema):
    """The case that was made."""

    suite: str
    name: str
    revision: int
    title: str
    origin: str
    ref: str


class ToolCoverage(Schema):
    """A tool of the agent, and in how many cases it is expected to be called, and not to be."""

    name: str
    called: int
    not_called: int


class DecidedCoverage(Schema):
    """A request that people rejected or changed, and its case; null where it has none."""

    approval: str
    session: str
    tool: str
    tier: str
    rejected: bool
    by: str
    at: datetime
    suite: str | None
    case: str | None


class CoverageOut(Schema):
    """What of an agent has a case: its tools, and the newest requests of the last 90 days that were rejected or changed."""

    agent: str
    tools: list[ToolCoverage]
    decided: list[DecidedCoverage]


@endpoint(
    router, "POST", "/sessions/{ref}/cases", right=Right.EDIT_PROMPTS, scope="evals:write", answer=CaseOfLife, status=201,
    refuses=WRITES, creates=True,
)  # fmt: skip
def make_case_of_session(request: ApiRequest, ref: SessionRef, body: NewCaseOfLife) -> CaseOfLife:
    """Make a case of a session that rests or ended, with what its tools answered. For those who may read its texts."""
    session = services.get_session(ref)
    check_reads(request.auth, session)
    return _shape(life.case_of_session(session=session, actor=request.auth.actor(), suite=body.suite))


@endpoint(
    router, "POST", "/approvals/{ref}/cases", right=Right.EDIT_PROMPTS, scope="evals:write", answer=CaseOfLife, status=201,
    refuses=WRITES, creates=True,
)  # fmt: skip
def make_case_of_approval(request: ApiRequest, ref: ApprovalRef, body: NewCaseOfLife) -> CaseOfLife:
    """Make a case of a request that people rejected (the call is not made) or changed (it is made as they changed it)."""
    session = services.get_session(queries.get(ref).session_ref)
    check_reads(request.auth, session)
    made = life.case_of_request(request=ref, agent=session.agent.slug, actor=request.auth.actor(), suite=body.suite)
    return _shape(made)


@endpoint(router, "GET", "/agents/{slug}/coverage", right=Right.SEE, scope="evals:read", answer=CoverageOut, refuses=(404, 422))
def get_coverage(request: ApiRequest, slug: SlugPath) -> CoverageOut:
    """Return which of an agent's tools, and of what people rejected or changed, have a case."""
    found = life.coverage(slug)
    return CoverageOut(
        agent=found.agent,
        tools=[ToolCoverage(name=one.name, called=one.called, not_called=one.not_called) for one in found.tools],
        decided=[
            DecidedCoverage(approval=one.ref, session=one.session, tool=one.tool, tier=one.tier, rejected=one.rejected, by=one.by,
                            at=one.at, suite=one.suite, case=one.name)
            for one in found.decided
        ],
    )  # fmt: skip


def _shape(row: Case) -> CaseOfLife:
    return CaseOfLife(
        suite=row.suite.slug, name=row.name, revision=row.revision, title=row.title, origin=row.origin, ref=row.origin_ref
    )
