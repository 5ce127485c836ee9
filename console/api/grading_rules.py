"""Grading over the API: rubrics, how much is graded, and how far judge and people agree. Items and grades: `console.api.grading`."""

from datetime import datetime
from typing import Annotated, Any, Literal

from ninja import Path, Query, Router, Schema
from pydantic import Field

from agents.grading import results, rubrics, rules
from agents.grading.agreement import Agreement
from agents.grading.results import Results
from agents.models import GradingRubric, GradingRule
from console.api.endpoint import ApiRequest, endpoint
from console.api.evals import Cap, ModelName, Slug
from console.api.paging import Paged, decode, encode
from console.api.reading import SLUG, Body
from console.rights import Right

router = Router(tags=["evaluations"])
RubricPath = Annotated[str, Path(pattern=SLUG, examples=["helpfulness"])]
KeyPath = Annotated[str, Path(pattern=SLUG, examples=["research-assistant"])]
Revision = Annotated[int, Field(ge=0, le=2**31 - 1, description="The one that was shown; 0 for what is new")]


class RubricOut(Schema):
    """The current revision of a rubric."""

    slug: str
    revision: int
    document: dict[str, Any]
    checksum: str
    author: str
    created_at: datetime


class RubricPage(Schema):
    """A page of rubrics, by name."""

    items: list[RubricOut]
    next_cursor: str | None


class NewRubric(Body):
    """What a rubric holds: `{title, criteria: [{name, title, guide, scale}]}`, each scale in words from the worst to the best."""

    document: dict[str, Any]
    revision: Revision | None = None


class GradingRuleOut(Schema):
    """How much of an agent's sessions or a suite's results is graded, and how many items of it there are, by state."""

    kind: Literal["agent", "suite"]
    key: str
    agent: str
    rubric: str
    share: int
    judge: str
    cap_microusd: int
    revision: int
    changed_by: str
    changed_at: datetime
    items: dict[str, int]


class GradingRulePage(Schema):
    """A page of rules, by kind and name."""

    items: list[GradingRuleOut]
    next_cursor: str | None


class NewGradingRule(Body):
    """What is graded from now on. A share of 0 takes nothing more; without a judge only people grade."""

    rubric: Slug
    share: Annotated[int, Field(ge=0, le=100, description="Hundredths")]
    judge: ModelName = ""
    cap_microusd: Cap = rules.DAY_CAP_MICROUSD
    revision: Revision | None = None


class AgreementOut(Schema):
    """How two graders agree: on how many items, how often exactly and by one step at most.

    `kappa` is Cohen's, weighted by the square of the steps, with its interval of 95 %; null for fewer than 30 items, and
    where one of the two gave the same step to all.
    """

    n: int
    same: int
    near: int
    kappa: float | None
    low: float | None
    high: float | None


class CriterionAgreementOut(Schema):
    """One criterion: the judge with people, and people with each other."""

    name: str
    title: str
    steps: int
    judge: AgreementOut
    people: AgreementOut


class MeasuredAgreementOut(Schema):
    """What was measured of one rule, against the current revision of its rubric and with the judge that it names now."""

    kind: str
    key: str
    rubric: str
    revision: int
    judge: str
    graded: int
    criteria: list[CriterionAgreementOut]


class AgreementPage(Schema):
    """A page of what was measured, by kind and name of the rule."""

    items: list[MeasuredAgreementOut]
    next_cursor: str | None


class RulesWhich(Paged):
    """A page of rules."""

    limit: Annotated[int, Field(ge=1, le=50)] = 50


@endpoint(router, "GET", "/evals/rubrics", right=Right.SEE, scope="evals:read", answer=RubricPage, refuses=(422,))
def list_rubrics(request: ApiRequest, page: Query[Paged]) -> RubricPage:
    """List rubrics, by name."""
    key = decode("rubrics", page.cursor)
    found = rubrics.listed(page.limit + 1, after=str(key[0]) if key else "")
    following = [found[page.limit - 1].slug] if len(found) > page.limit else None
    return RubricPage(items=[_rubric(row) for row in found[: page.limit]], next_cursor=encode("rubrics", following))


@endpoint(router, "GET", "/evals/rubrics/{rubric}", right=Right.SEE, scope="evals:read", answer=RubricOut, refuses=(404, 422))
def get_rubric(request: ApiRequest, rubric: RubricPath) -> RubricOut:
    """Return one rubric as it is now."""
    return _rubric(rubrics.rubric_named(rubric))


@endpoint(
    router, "PUT", "/evals/rubrics/{rubric}", right=Right.EDIT_PROMPTS, scope="evals:write", answer=RubricOut,
    refuses=(404, 409, 413, 415, 422),
)  # fmt: skip
def put_rubric(request: ApiRequest, rubric: RubricPath, body: NewRubric) -> RubricOut:
    """Store a rubric, or another revision of it; what was graded stays with the one it had."""
    return _rubric(rubrics.put_rubric(slug=rubric, document=body.document, revision=body.revision, actor=request.auth.actor()))


@endpoint(router, "GET", "/evals/grading/rules", right=Right.SEE, scope="evals:read", answer=GradingRulePage, refuses=(422,))
def list_grading_rules(request: ApiRequest, page: Query[RulesWhich]) -> GradingRulePage:
    """List how much of what is graded."""
    found, following = _rules("grading_rules", page)
    return GradingRulePage(items=_shapes(found), next_cursor=following)


@endpoint(
    router, "PUT", "/evals/grading/rules/{kind}/{key}", right=Right.SET_GRADING, scope="evals:write", answer=GradingRuleOut,
    refuses=(404, 409, 413, 415, 422),
)  # fmt: skip
def set_grading_rule(
    request: ApiRequest, kind: Literal["agent", "suite"], key: KeyPath, body: NewGradingRule
) -> GradingRuleOut:
    """Set how much of an agent's finished sessions or of a suite's results is graded from now on."""
    return _shapes([rules.set_rule(kind=kind, key=key, actor=request.auth.actor(), **body.model_dump())])[0]


@endpoint(router, "GET", "/evals/grading/agreement", right=Right.SEE, scope="evals:read", answer=AgreementPage, refuses=(422,))
def list_agreement(request: ApiRequest, page: Query[RulesWhich]) -> AgreementPage:
    """Tell how far judge and people, and two people, agree on each criterion."""
    found, following = _rules("grading_agreement", page)
    return AgreementPage(items=[_results(one) for one in results.results(found)], next_cursor=following)


def agreement_shape(one: Agreement) -> AgreementOut:
    """Return how two graders agree."""
    kappa = one.kappa
    return AgreementOut(
        n=one.n, same=one.same, near=one.near, kappa=kappa.value if kappa else None, low=kappa.low if kappa else None,
        high=kappa.high if kappa else None,
    )  # fmt: skip


def _rules(collection: str, page: Paged) -> tuple[list[GradingRule], str | None]:
    key = decode(collection, page.cursor)
    found = rules.listed(page.limit + 1, after=(str(key[0]), str(key[1])) if key else ("", ""))
    last = found[page.limit - 1] if len(found) > page.limit else None
    return found[: page.limit], encode(collection, [last.kind, last.key] if last else None)


def _rubric(row: GradingRubric) -> RubricOut:
    names = ("slug", "revision", "document", "checksum", "author", "created_at")
    return RubricOut(**{name: getattr(row, name) for name in names})


def _shapes(rows: list[GradingRule]) -> list[GradingRuleOut]:
    counts = results.counts(row.pk for row in rows)
    names = ("kind", "key", "rubric", "share", "judge", "cap_microusd", "revision", "changed_by", "changed_at")
    return [
        GradingRuleOut(**{name: getattr(row, name) for name in names}, agent=row.agent.slug, items=counts.get(row.pk, {}))
        for row in rows
    ]


def _results(one: Results) -> MeasuredAgreementOut:
    criteria = [
        CriterionAgreementOut(
            name=part.criterion.name, title=part.criterion.title, steps=part.criterion.steps, judge=agreement_shape(part.judge),
            people=agreement_shape(part.people),
        )
        for part in one.measured
    ]  # fmt: skip
    return MeasuredAgreementOut(
        kind=one.rule.kind, key=one.rule.key, rubric=one.rubric.slug, revision=one.rubric.revision, judge=one.rule.judge,
        graded=one.graded, criteria=criteria,
    )  # fmt: skip
