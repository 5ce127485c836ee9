"""What led to a call, over the API: the prompt version, the policy revision, and the people who decided."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated

from ninja import Path, Router, Schema

from agents.effects import led_to
from console.api.endpoint import ApiRequest, endpoint
from console.api.reading import SessionRef
from console.rights import Right

router = Router(tags=["sessions"])
CallPath = Annotated[str, Path(pattern=r"^[1-9][0-9]{0,8}\.[1-9][0-9]{0,4}$", examples=["7.1"], description="Turn and place")]


class DecidedOut(Schema):
    """What one person said of a request that the call ran by, or of whether it happened; `digest` is what they were shown.

    `standing_of` is the request with which the standing approval was given that stood here.
    """

    by: str
    verdict: str
    at: datetime
    revision: int
    digest: str
    in_place_of: str
    standing: bool
    broke_glass: bool
    request: str
    kind: str
    standing_of: str | None


class LedOut(Schema):
    """A call and what led to it. `policy` null is the policy as it is shipped, `request` null: nobody was asked."""

    key: str
    tool: str
    tier: str
    status: str
    edited: bool
    dry: bool
    definition: str
    started_at: datetime | None
    ended_at: datetime | None
    result_hash: str
    agent: str
    agent_revision: int
    started_by: str
    on_behalf_of: str
    turn: int
    model: str
    prompt: str | None
    prompt_version: str | None
    prompt_checksum: str | None
    prompt_author: str | None
    policy: int | None
    policy_checksum: str | None
    policy_by: str | None
    request: str | None
    digest: str | None
    request_revision: int | None
    request_status: str | None
    decisions: list[DecidedOut]
    entry: int | None


@endpoint(
    router, "GET", "/sessions/{ref}/calls/{place}", right=Right.SEE, scope="sessions:read", answer=LedOut, refuses=(404, 422)
)
def get_call(request: ApiRequest, ref: SessionRef, place: CallPath) -> LedOut:
    """Return which prompt version, policy revision and people led to a call, and the log's entry that it was begun by."""
    told = asdict(led_to(f"{ref}/{place}"))
    told["request"] = _ref(told["request"])
    told["decisions"] = [
        {**one, "request": _ref(one["request"]), "standing_of": _ref(one.pop("stood"))} for one in told["decisions"]
    ]
    told["prompt_version"], told["prompt_checksum"] = told.pop("version"), told.pop("checksum")
    return LedOut(**told)


def _ref(number: int | None) -> str | None:
    return f"AP-{number}" if number else None
