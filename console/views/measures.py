"""How people decide, in tables, in words and as CSV. Who reads the whole trail sees everybody, others themselves."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from approvals import controls
from approvals.looked import QUICK_S
from approvals.measures import ENOUGH, Controlled, Figures, Measures, Reviewer, measures, share
from audit.exports.cells import safe
from console.auth import Caller, caller_of
from console.formats import duration, grouped
from console.forms import PlantControls
from console.fragments import page, snapshot
from console.rights import Right
from console.views.filters import choice
from console.views.guard import guard

TEMPLATE = "measures/page.html"
DAYS = (7, 30)
TABLES = ("reviewers", "tools", "rules", "controls")
REVIEWER = ("decided", "approved", "edited", "rejected", "quick", "p50_s", "p95_s", "screen_s", "screen_low_s")
FIGURES = (
    "asked",
    "waiting",
    "approved",
    "edited",
    "rejected",
    "expired",
    "p50_s",
    "p95_s",
    "quick",
    "screen_s",
    "screen_low_s",
)


@require_safe
@guard(Right.READ_OWN_AUDIT)
def measured(request: HttpRequest) -> HttpResponse:
    """Show the measures of the last days."""
    return page(request, TEMPLATE, lambda: context(request))


@require_safe
@guard(Right.READ_OWN_AUDIT)
def table(request: HttpRequest, table: str) -> HttpResponse:
    """Give one table as CSV."""
    if table not in TABLES:
        raise Http404
    days, wrong = days_of(request)
    if wrong:  # a file has no place to say that it is about other days
        return page(request, TEMPLATE, lambda: context(request), status=422)
    with snapshot():
        found = _read(caller_of(request), days)
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="countersign-{table}-{found.days}-days.csv"'
    writer = csv.writer(answer)
    writer.writerows([safe(cell) for cell in row] for row in _lines(table, found))
    return answer


def days_of(request: HttpRequest) -> tuple[int, str]:
    """Return over how many days is measured, and what is said of a number that is not offered."""
    days, wrong = choice(request.GET, "days", [str(days) for days in DAYS], str(DAYS[0]))
    return int(days), wrong


def _lines(table: str, found: Measures) -> Iterator[Sequence[object]]:
    if table == "reviewers":
        yield ("reviewer", *REVIEWER, "signals")
        for one in found.reviewers:
            yield (one.name, *(getattr(one, name) for name in REVIEWER), " ".join(one.signals))
        return
    if table == "controls":
        yield ("reviewer", "caught", "missed")
        yield from ((one.name, one.caught, one.missed) for one in found.controlled)
        return
    yield (table.removesuffix("s"), *FIGURES)
    for row in found.tools if table == "tools" else found.rules:
        yield (row.name, *(getattr(row, name) for name in FIGURES))


def _read(caller: Caller, days: int) -> Measures:
    return measures(days, of=None if caller.has(Right.READ_AUDIT) else caller.user_id)


def context(request: HttpRequest, form: PlantControls | None = None) -> dict[str, Any]:
    """Return what the page shows; `form` is what was sent to set control requests, and was not taken."""
    caller = caller_of(request)
    days, wrong = days_of(request)
    found = _read(caller, days)
    everybody = caller.has(Right.READ_AUDIT)
    measured: Sequence[Figures | Reviewer | Controlled] = (*found.reviewers, *found.controlled, *found.tools, *found.rules)
    return {
        "nav": "measures",
        "days": found.days,
        "left_out": wrong,
        "periods": [{"days": days, "url": f"{reverse('measures')}?days={days}"} for days in DAYS],
        "summary": list(_summary(found)),
        "everybody": everybody,
        "reviewers": [_reviewer(one, longest(found.reviewers)) for one in found.reviewers],
        "signals": [{"name": one.name, "said": said} for one in measured for said in one.signals],
        "groups": [
            {"id": "tools", "title": "By tool", "head": "Tool", "rows": [_figures(row, longest(found.tools)) for row in found.tools],
             "empty": "No tool asked anybody."},
            {"id": "rules", "title": "By policy rule", "head": "Rule", "rows": [_figures(row, longest(found.rules)) for row in found.rules],
             "empty": "No rule of the policy asked anybody."},
        ],
        "unquestioned": [row.name for row in (*found.rules, *found.tools) if row.unquestioned],
        "enough": ENOUGH,
        "quick_s": QUICK_S,
        "controls": _controls(found, caller, form),
        "csv": {name: f"{reverse('measures-csv', args=[name])}?days={found.days}" for name in TABLES},
    }  # fmt: skip


def _controls(found: Measures, caller: Caller, form: PlantControls | None) -> dict[str, Any]:
    """Return what came of control requests, and to those who plant them how they are set."""
    row = controls.setting()
    told = {"on": row.on, "rows": found.controlled, "lapsed": found.lapsed, "may_set": caller.has(Right.PLANT_CONTROLS)}
    if not told["may_set"]:
        return told
    set_ = {"on": row.on, "one_in": row.one_in, "per_day": row.per_day, "reason": ""}
    typed = {name: form.data.get(name, "") for name in set_} if form is not None else set_
    copied = {name: getattr(row, name) for name in ("one_in", "per_day", "reason", "changed_by", "changed_at", "revision")}
    bounds = {
        "one_in": (controls.ONE_IN.start, controls.ONE_IN.stop - 1),
        "per_day": (controls.PER_DAY.start, controls.PER_DAY.stop - 1),
    }
    return {
        **told,
        **copied,
        "typed": typed,
        "bounds": bounds,
        "errors": {**form.errors, "form": form.non_field_errors()} if form is not None else {},
    }


def longest(rows: Iterable[Figures | Reviewer]) -> float:
    """Return the longest time of a table, that its bars are drawn against."""
    return max((row.p95_s or 0 for row in rows), default=0)


def _times(row: Figures | Reviewer, most: float) -> dict[str, Any]:
    half, slow = ("" if value is None else duration(round(1000 * value)) for value in (row.p50_s, row.p95_s))
    return {"half": half, "slow": slow, "half_s": row.p50_s or 0, "slow_s": row.p95_s or 0, "most_s": most}


def _screen(row: Figures | Reviewer) -> dict[str, Any]:
    """Return how long requests were looked at; a tenth of less than ten is nobody's."""
    half, low = ("" if value is None else duration(round(1000 * value)) for value in (row.screen_s, row.screen_low_s))
    return {"screen": half, "screen_low": low if row.decided >= ENOUGH else "", "quick": row.quick}


def _reviewer(one: Reviewer, most: float) -> dict[str, Any]:
    return {
        "name": one.name,
        "decided": one.decided,
        "approved": one.approved,
        "edited": one.edited,
        "rejected": one.rejected,
        **_screen(one),
        "doubted": bool(one.signals),
        **_times(one, most),
    }


def _figures(row: Figures, most: float) -> dict[str, Any]:
    copied = ("asked", "waiting", "untouched", "edited", "rejected", "expired", "decided", "rate")
    return {"name": row.name, **{name: getattr(row, name) for name in copied}, **_screen(row), **_times(row, most)}


def _summary(found: Measures) -> Iterator[str]:
    all_ = found.overall
    if not all_.asked:
        yield f"Nobody was asked anything in the last {found.days} days."
        return
    calls, wait = "call was" if all_.asked == 1 else "calls were", "waits" if all_.waiting == 1 else "wait"
    yield f"{grouped(all_.asked)} {calls} put before people in the last {found.days} days; {grouped(all_.waiting)} of them {wait} now."
    if all_.decided and all_.p50_s is not None and all_.p95_s is not None:
        yield (
            f"Half of those decided waited less than {duration(round(1000 * all_.p50_s))}, one in twenty longer than"
            f" {duration(round(1000 * all_.p95_s))}."
        )
        rate = f"{all_.rate} %" if all_.decided >= ENOUGH else share(all_.approved, all_.decided)
        were = "was" if rate.startswith("1 of") else "were"
        yield f"{rate} {were} approved, {grouped(all_.edited)} of them after an edit, and {grouped(all_.rejected)} rejected."
    if all_.expired:
        yield f"{grouped(all_.expired)} expired because nobody answered."
