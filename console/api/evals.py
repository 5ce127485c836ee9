"""Suites and their cases over the API: what a prompt's versions are held against. Runs: `console.api.eval_runs`."""

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Path, Query, Router, Schema
from pydantic import Field, StringConstraints

from agents import services
from agents.evals import recorded, suites
from agents.models import Case, Suite
from approvals import queries
from console.api.endpoint import ApiRequest, endpoint
from console.api.paging import Paged, decode, encode
from console.api.reading import SLUG, Body, Word
from console.auth import Caller
from console.readings import note_reading
from console.revealing import check_reads, may_read_prompts
from console.rights import Right

router = Router(tags=["evaluations"])
SuitePath = Annotated[str, Path(pattern=SLUG, examples=["no-harm"])]
CasePath = Annotated[str, Path(pattern=SLUG, examples=["asks-before-it-deletes"])]
Slug = Annotated[str, StringConstraints(pattern=SLUG)]
Title = Annotated[Word, Field(min_length=3, max_length=suites.LONGEST_TITLE)]
Hundredths = Annotated[int, Field(ge=1, le=100)]
Repeats = Annotated[int, Field(ge=1, le=suites.MOST_REPEATS)]
Cap = Annotated[int, Field(ge=1, le=suites.MOST_CAP)]
ModelName = Annotated[Word, Field(max_length=120)]


class SuiteOut(Schema):
    """A suite: what a version has to reach, and whether it is kept from traffic where it does not."""

    slug: str
    title: str
    prompt: str
    agent: str
    threshold: int
    repeats: int
    gate: bool
    cap_microusd: int
    judge: str
    revision: int
    cases: int
    created_by: str
    created_at: datetime


class SuitePage(Schema):
    """A page of suites, by name."""

    items: list[SuiteOut]
    next_cursor: str | None


class NewSuite(Body):
    """A suite of a prompt, as one of the agents that use it."""

    slug: Slug
    title: Title
    prompt: Slug
    agent: Slug
    threshold: Hundredths = 90
    repeats: Repeats = 1
    gate: bool = True
    cap_microusd: Cap = 5_000_000
    judge: ModelName = ""


class ChangedSuite(Body):
    """What is to be otherwise; what is left out stays. `revision` is the one that was shown."""

    revision: Annotated[int, Field(ge=1, le=2**31 - 1)]
    title: Title | None = None
    threshold: Hundredths | None = None
    repeats: Repeats | None = None
    gate: bool | None = None
    cap_microusd: Cap | None = None
    judge: ModelName | None = None


class CaseOut(Schema):
    """A case's current revision; its document is null for those who may not read prompts and cases."""

    name: str
    title: str
    revision: int
    checksum: str
    origin: Literal["hand", "session", "request", "file"]
    origin_ref: str
    author: str
    created_at: datetime
    document: dict[str, Any] | None


class CasePage(Schema):
    """A page of cases, by name."""

    items: list[CaseOut]
    next_cursor: str | None


class NewCase(Body):
    """A case; docs/api.md says what its document holds. Another document makes another revision.

    With `shown`, the revision that was read (0: there shall be none yet), nobody's other revision is written over.
    """

    title: Title
    document: dict[str, Any]
    shown: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None


class FromLife(Body):
    """A case of what was: a session, or a request that people rejected or changed. Without a name it gets that of its origin."""

    session: Annotated[Word, Field(max_length=30)] = ""
    request: Annotated[Word, Field(max_length=30)] = ""
    name: Slug | None = None


class CasesWhich(Paged):
    """A page of cases; each holds a document."""

    limit: Annotated[int, Field(ge=1, le=50)] = 50


@endpoint(router, "GET", "/evals/suites", right=Right.SEE, scope="evals:read", answer=SuitePage, refuses=(422,))
def list_suites(request: ApiRequest, page: Query[Paged]) -> SuitePage:
    """List suites, by name."""
    key = decode("suites", page.cursor)
    found = suites.listed(page.limit + 1, after=key[0] if key else "")
    following = [found[page.limit - 1].slug] if len(found) > page.limit else None
    return SuitePage(items=suite_shapes(found[: page.limit]), next_cursor=encode("suites", following))


@endpoint(
    router, "POST", "/evals/suites", right=Right.EDIT_PROMPTS, scope="evals:write", answer=SuiteOut, status=201,
    refuses=(404, 409, 413, 415, 422), creates=True,
)  # fmt: skip
def create_suite(request: ApiRequest, body: NewSuite) -> SuiteOut:
    """Make a suite, without cases."""
    return suite_shapes([suites.create_suite(actor=request.auth.actor(), **body.model_dump())])[0]


@endpoint(router, "GET", "/evals/suites/{suite}", right=Right.SEE, scope="evals:read", answer=SuiteOut, refuses=(404, 422))
def get_suite(request: ApiRequest, suite: SuitePath) -> SuiteOut:
    """Return one suite."""
    return suite_shapes([suites.suite_named(suite)])[0]


@endpoint(
    router, "PATCH", "/evals/suites/{suite}", right=Right.EDIT_PROMPTS, scope="evals:write", answer=SuiteOut,
    refuses=(404, 409, 413, 415, 422),
)  # fmt: skip
def change_suite(request: ApiRequest, suite: SuitePath, body: ChangedSuite) -> SuiteOut:
    """Change what a suite asks for; runs that were made stay as they are."""
    given = body.model_dump(exclude={"revision"}, exclude_none=True)
    return suite_shapes([suites.change_suite(slug=suite, revision=body.revision, actor=request.auth.actor(), given=given)])[0]


@endpoint(
    router, "DELETE", "/evals/suites/{suite}", right=Right.EDIT_PROMPTS, scope="evals:write", answer=SuiteOut,
    refuses=(404, 422),
)  # fmt: skip
def end_suite(request: ApiRequest, suite: SuitePath) -> SuiteOut:
    """End a suite for good: it holds no version back any more. Its runs stay."""
    return suite_shapes([suites.end_suite(slug=suite, actor=request.auth.actor())])[0]


@endpoint(
    router, "GET", "/evals/suites/{suite}/cases", right=Right.SEE, scope="evals:read", answer=CasePage, refuses=(404, 422)
)
def list_cases(request: ApiRequest, suite: SuitePath, page: Query[CasesWhich]) -> CasePage:
    """List a suite's cases as they are now, by name."""
    key = decode("cases", page.cursor)
    found = suites.cases(suites.suite_named(suite), page.limit + 1, after=key[0] if key else "")
    following = [found[page.limit - 1].name] if len(found) > page.limit else None
    return CasePage(items=_cases(request.auth, suite, found[: page.limit]), next_cursor=encode("cases", following))


@endpoint(
    router, "GET", "/evals/suites/{suite}/cases/{case}", right=Right.SEE, scope="evals:read", answer=CaseOut, refuses=(404, 422)
)
def get_case(request: ApiRequest, suite: SuitePath, case: CasePath) -> CaseOut:
    """Return one case as it is now."""
    return _cases(request.auth, suite, [suites.case_named(suite, case)])[0]


@endpoint(
    router, "PUT", "/evals/suites/{suite}/cases/{case}", right=Right.EDIT_PROMPTS, scope="evals:write", answer=CaseOut,
    refuses=(404, 409, 413, 415, 422),
)  # fmt: skip
def put_case(request: ApiRequest, suite: SuitePath, case: CasePath, body: NewCase) -> CaseOut:
    """Store a case, or another revision of it."""
    row = suites.put_case(slug=suite, name=case, actor=request.auth.actor(), **body.model_dump())
    return _cases(request.auth, suite, [row])[0]


@endpoint(
    router, "DELETE", "/evals/suites/{suite}/cases/{case}", right=Right.EDIT_PROMPTS, scope="evals:write", answer=CaseOut,
    refuses=(404, 409, 422),
)  # fmt: skip
def remove_case(request: ApiRequest, suite: SuitePath, case: CasePath) -> CaseOut:
    """Take a case out of its suite; its revisions and results stay."""
    return _cases(request.auth, suite, [suites.remove_case(slug=suite, name=case, actor=request.auth.actor())])[0]


@endpoint(
    router, "POST", "/evals/suites/{suite}/cases", right=Right.EDIT_PROMPTS, scope="evals:write", answer=CaseOut, status=201,
    refuses=(404, 409, 413, 415, 422), creates=True,
)  # fmt: skip
def record_case(request: ApiRequest, suite: SuitePath, body: FromLife) -> CaseOut:
    """Make a case of a session, or of a request that people rejected or changed, with its tool results recorded.

    For those who may read the session's texts: who may read prompts may read cases.
    """
    for ref in filter(None, (body.session, body.request and queries.get(body.request).session_ref)):
        check_reads(request.auth, services.get_session(ref))
    row = recorded.from_life(
        suite=suite, actor=request.auth.actor(), session=body.session, request=body.request, name=body.name or ""
    )
    return _cases(request.auth, suite, [row])[0]


def suite_shapes(rows: list[Suite]) -> list[SuiteOut]:
    """Return suites, each with how many cases it has."""
    count = suites.counts(rows)
    names = ("slug", "title", "threshold", "repeats", "gate", "cap_microusd", "judge", "revision", "created_by", "created_at")
    return [
        SuiteOut(
            **{name: getattr(row, name) for name in names},
            prompt=row.prompt.slug,
            agent=row.agent.slug,
            cases=count.get(row.pk, 0),
        )
        for row in rows
    ]


def _cases(caller: Caller, suite: str, rows: list[Case]) -> list[CaseOut]:
    """Return cases, their documents only for those who may read them, which is noted."""
    reads = may_read_prompts(caller)
    if reads and rows:
        note_reading(caller, [f"cases of {suite}"])
    names = ("name", "title", "revision", "checksum", "origin", "origin_ref", "author", "created_at")
    return [CaseOut(**{name: getattr(row, name) for name in names}, document=row.document if reads else None) for row in rows]
