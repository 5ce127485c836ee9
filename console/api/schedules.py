"""Schedules over the API: the list with what came of the newest due times, making, changing, pausing and ending one."""

from datetime import datetime
from typing import Annotated, Literal

from ninja import Path, Query, Router, Schema
from pydantic import AfterValidator, Field, StringConstraints

from agents import schedules
from agents.models import Schedule
from console.api.endpoint import ApiRequest, endpoint
from console.api.paging import Paged, decode, encode
from console.api.reading import SLUG, Body, Hook, Word, storable
from console.auth import Caller
from console.readings import note_reading
from console.rights import Right

router = Router(tags=["schedules"])
Name = Annotated[str, Path(pattern=SLUG, examples=["weekly-report"])]
Zone = Annotated[Word, StringConstraints(min_length=1, max_length=63)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=20_000), AfterValidator(storable)]


class FiringOut(Schema):
    """One due time: the session that it started, or why none."""

    due_at: datetime
    session: str | None
    why: str


class ScheduleOut(Schema):
    """A schedule; its goal is null for those who may not read raw content, `webhook_url` for all but admins."""

    name: str
    agent: str
    goal: str | None
    task_type: str
    tenant: str
    feature: str
    webhook_url: str | None
    cron: str
    overlap: Literal["skip", "start"]
    zone: str
    missed: Literal["once", "never"]
    status: Literal["active", "paused", "ended"]
    revision: int
    next_at: datetime
    coming: list[datetime]
    created_by: str
    created_at: datetime
    newest: list[FiringOut]


class SchedulePage(Schema):
    """A page of schedules, by name."""

    items: list[ScheduleOut]
    next_cursor: str | None


class Which(Paged):
    """A page of the list, of one agent or of all; each schedule costs a read of its newest due times."""

    agent: Word = ""

    limit: Annotated[int, Field(ge=1, le=50)] = 50


class NewSchedule(Body):
    """What is started when. `cron` has five fields, by the clock of `zone`.

    `overlap` says what happens while the one before still works, `missed` what happens about times that nobody was there for.
    """

    name: Annotated[str, StringConstraints(pattern=SLUG)]
    agent: Annotated[Word, Field(min_length=1, max_length=63)]
    goal: Text
    cron: Annotated[Word, Field(min_length=9, max_length=schedules.LONGEST_CRON)]
    task_type: Annotated[Word, Field(max_length=60)] = "default"
    tenant: Word = ""
    feature: Word = ""
    webhook_url: Hook = ""
    zone: Zone = "UTC"
    overlap: Literal["skip", "start"] = "skip"
    missed: Literal["once", "never"] = "once"


class ChangedSchedule(Body):
    """What is to be otherwise; what is left out stays. `revision` is the one that was shown."""

    revision: Annotated[int, Field(ge=1, le=2**31 - 1)]
    agent: Annotated[Word | None, Field(min_length=1, max_length=63)] = None
    goal: Text | None = None
    cron: Annotated[Word | None, Field(min_length=9, max_length=schedules.LONGEST_CRON)] = None
    task_type: Annotated[Word | None, Field(max_length=60)] = None
    tenant: Word | None = None
    feature: Word | None = None
    webhook_url: Hook | None = None
    zone: Zone | None = None
    overlap: Literal["skip", "start"] | None = None
    missed: Literal["once", "never"] | None = None


@endpoint(router, "GET", "/schedules", right=Right.SEE, scope="agents:read", answer=SchedulePage, refuses=(422,))
def list_schedules(request: ApiRequest, which: Query[Which]) -> SchedulePage:
    """List schedules by name, each with what came of its newest due times."""
    key = decode("schedules", which.cursor)
    rows = schedules.schedules(which.limit + 1, after=key[0] if key else "", agent=which.agent)
    following = [rows[which.limit - 1].name] if len(rows) > which.limit else None
    items = [_shape(request.auth, row) for row in rows[: which.limit]]
    if items and request.auth.has(Right.REVEAL):
        note_reading(request.auth, ["schedules"])
    return SchedulePage(items=items, next_cursor=encode("schedules", following))


@endpoint(
    router, "POST", "/schedules", right=Right.ADMINISTER, scope="agents:write", answer=ScheduleOut, status=201,
    refuses=(404, 409, 413, 415, 422), creates=True,
)  # fmt: skip
def create_schedule(request: ApiRequest, body: NewSchedule) -> ScheduleOut:
    """Make a schedule. Whoever makes it decides nothing in its sessions."""
    caller = request.auth
    return _shape(caller, schedules.create(actor=caller.actor(), user_id=caller.user_id or 0, **body.model_dump()))


@endpoint(
    router, "PATCH", "/schedules/{name}", right=Right.ADMINISTER, scope="agents:write", answer=ScheduleOut,
    refuses=(404, 409, 413, 415, 422),
)  # fmt: skip
def change_schedule(request: ApiRequest, name: Name, body: ChangedSchedule) -> ScheduleOut:
    """Change what a schedule does or when. Whoever changes it decides nothing in its sessions from then on."""
    caller, given = request.auth, body.model_dump(exclude={"revision"}, exclude_none=True)
    row = schedules.change(name=name, revision=body.revision, actor=caller.actor(), user_id=caller.user_id or 0, given=given)
    return _shape(caller, row) if "goal" in given else _answer(caller, row)


@endpoint(
    router, "POST", "/schedules/{name}/end", right=Right.ADMINISTER, scope="agents:write", answer=ScheduleOut, refuses=(404, 422)
)  # fmt: skip
def end_schedule(request: ApiRequest, name: Name) -> ScheduleOut:
    """Let a schedule fire no more, for good; its sessions go on, its name is not given again."""
    return _answer(request.auth, schedules.end(name=name, actor=request.auth.actor()))


@endpoint(
    router, "POST", "/schedules/{name}/pause", right=Right.RESTRAIN, scope="agents:write", answer=ScheduleOut, refuses=(404, 422)
)  # fmt: skip
def pause_schedule(request: ApiRequest, name: Name) -> ScheduleOut:
    """Let a schedule fire no more until it is resumed; its sessions go on."""
    return _answer(request.auth, schedules.pause(name=name, actor=request.auth.actor()))


@endpoint(
    router, "POST", "/schedules/{name}/resume", right=Right.RESTRAIN, scope="agents:write", answer=ScheduleOut, refuses=(404, 422)
)  # fmt: skip
def resume_schedule(request: ApiRequest, name: Name) -> ScheduleOut:
    """Let a paused schedule fire again from its next due time on."""
    return _answer(request.auth, schedules.resume(name=name, actor=request.auth.actor()))


def _answer(caller: Caller, row: Schedule) -> ScheduleOut:
    """Answer an order that did not name the goal: it is told as by reading, under the same right and scope, and with its entry."""
    shown = caller.has(Right.REVEAL, "agents:read")
    if shown:
        note_reading(caller, [f"schedule {row.name}"])
    return _shape(caller, row, shown=shown)


def _shape(caller: Caller, row: Schedule, *, shown: bool = True) -> ScheduleOut:
    copied = (
        "name", "task_type", "tenant", "feature", "cron", "zone", "overlap", "missed", "status", "revision", "next_at", "created_at",
    )  # fmt: skip
    newest = [
        FiringOut(due_at=one.due_at, session=one.session.ref if one.session else None, why=one.why)
        for one in schedules.newest(row)
    ]
    return ScheduleOut(
        **{name: getattr(row, name) for name in copied}, agent=row.agent.slug, created_by=row.created_name, newest=newest,
        coming=schedules.coming(row),
        goal=row.goal if shown and caller.has(Right.REVEAL) else None,
        webhook_url=row.webhook_url if caller.has(Right.ADMINISTER) else None,
    )  # fmt: skip
