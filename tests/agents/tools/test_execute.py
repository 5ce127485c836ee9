"""Running a tool to one outcome (TOOL-2, TOOL-3, LOOP-5)."""

import asyncio
import hashlib
import json
import threading
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from agents.llm.provider import Usage
from agents.tools import ApiError, InvalidInput, NotPermitted, OutcomeUnknown, ToolContext, ToolError, Unavailable, registry
from agents.tools.definition import Tool
from agents.tools.errors import CheckFailed, NotServed
from agents.tools.execute import Outcome, execute, precondition, precondition_async, radius, rehearse, summary
from agents.tools.results import beginning, shorten
from tests.agents.tools.conftest import Declare, make_context

READ: dict[str, Any] = {"tier": "read_only"}
KEYED: dict[str, Any] = {"tier": "irreversible_write", "idempotent": True}
UNKEYED: dict[str, Any] = {"tier": "irreversible_write", "idempotent": False}


class Words(BaseModel):
    model_config = ConfigDict(extra="forbid")
    words: list[str] = []
    what: str = ""
    count: int | None = None


@pytest.fixture
def returning(declare: Declare) -> Declare:
    """Make a tool that returns, or raises, what is given."""

    def make(result: Any, **facts: Any) -> Tool:
        def answer(args: Words, context: ToolContext) -> Any:
            """Answer."""
            if isinstance(result, BaseException):
                raise result
            return result

        return declare(answer, **{**READ, **facts})

    return make


def run(tool: Tool, context: ToolContext | None = None, value: Words | None = None) -> Outcome:
    return asyncio.run(execute(tool, value or Words(), context or make_context()))


def test_a_result_is_json_with_the_hash_of_the_whole(returning: Declare) -> None:
    outcome = run(returning({"ok": True, "at": datetime(2026, 1, 2, tzinfo=UTC), "sum": Decimal("1.5")}))
    assert outcome.status == "success"
    told = json.loads(outcome.text)
    assert told == {"status": "success", "result": {"ok": True, "at": "2026-01-02T00:00:00Z", "sum": "1.5"}}
    full = json.dumps(told["result"], separators=(",", ":"))
    assert outcome.full_hash == hashlib.sha256(full.encode()).hexdigest()
    assert (outcome.size, outcome.truncated, outcome.sure) == (len(full), False, True)


def test_internal_fields_are_stripped_at_every_depth(returning: Declare) -> None:
    outcome = run(returning({"_token": "secret", "rows": [{"_id": 1, "name": "a"}]}))
    assert "secret" not in outcome.text
    assert json.loads(outcome.text)["result"] == {"rows": [{"name": "a"}]}


def test_a_long_result_is_cut_with_a_mark_and_keeps_the_hash_of_the_whole(returning: Declare) -> None:
    text = "x" * 50_000
    outcome = run(returning({"title": "T", "text": text}, max_result=2_000))
    told = json.loads(outcome.text)
    assert outcome.truncated
    assert len(outcome.text) < 2_400
    assert told["truncated"] is True
    assert told["full_sha256"] == outcome.full_hash == hashlib.sha256(f'{{"title":"T","text":"{text}"}}'.encode()).hexdigest()
    assert told["result"]["title"] == "T"
    assert "[cut: " in told["result"]["text"]


def test_a_long_list_and_a_result_that_cannot_be_cut_inside_are_bounded(returning: Declare) -> None:
    for result in ([{"n": n, "t": "word " * 40} for n in range(500)], {f"key{n}": n for n in range(5_000)}):
        outcome = run(returning(result, max_result=3_000))
        assert len(outcome.text) < 3_600
        assert "[cut: " in outcome.text


@pytest.mark.parametrize(
    "result",
    [{"error": "no such payment"}, {"status": "error", "message": "no such payment"}, {"ok": False, "detail": "no such payment"},
     {"success": False, "message": "no such payment"}, {"errors": [{"message": "no such payment"}]}],
)  # fmt: skip
def test_an_answer_that_carries_an_error_is_an_api_error(returning: Declare, result: Any) -> None:
    """TOOL-2: a 200 that carries an error."""
    outcome = run(returning(result, **UNKEYED))
    assert (outcome.status, outcome.error_type, outcome.sure) == ("error", "api_error", True)
    assert "no such payment" in outcome.text


@pytest.mark.parametrize("result", [{"error": None}, {"errors": []}, {"ok": True}, {"status": "paid"}, [], None, 0, "error"])
def test_an_answer_that_carries_no_error_is_none(returning: Declare, result: Any) -> None:
    assert run(returning(result)).status == "success"


@pytest.mark.parametrize(
    ("raised", "error_type"),
    [
        (InvalidInput("bad"), "invalid_input"),
        (NotPermitted("no"), "not_permitted"),
        (Unavailable("down"), "unavailable"),
        (ApiError("refused"), "api_error"),
        (ToolError("failed"), "api_error"),
        (CheckFailed("gone"), "invalid_input"),
    ],
)
def test_an_error_that_a_tool_means_is_told_and_sure_also_for_a_write(returning: Declare, raised: Any, error_type: str) -> None:
    outcome = run(returning(raised, **UNKEYED))
    assert (outcome.error_type, outcome.sure) == (error_type, True)
    assert json.loads(outcome.text)["message"] == raised.reason


@pytest.mark.parametrize(
    "raised", [ValueError("odd"), ConnectionResetError("cut"), TimeoutError(), KeyError("x"), RuntimeError("é\0")]
)
@pytest.mark.parametrize("facts", [KEYED, UNKEYED])
def test_a_surprise_in_a_write_is_an_unknown_outcome(returning: Declare, raised: Any, facts: dict[str, Any]) -> None:
    """TOOL-2, TOOL-3: nobody may call it failed; the model would plan the same again, under another key."""
    outcome = run(returning(raised, **facts))
    assert (outcome.status, outcome.error_type, outcome.sure) == ("error", "unknown_outcome", False)
    assert "\0" not in outcome.text


def test_a_surprise_in_a_read_is_a_plain_error(returning: Declare) -> None:
    outcome = run(returning(ValueError("odd"), **READ))
    assert (outcome.error_type, outcome.sure) == ("api_error", True)
    assert "ValueError: odd" in outcome.text


def test_a_tool_may_say_itself_that_nobody_knows(returning: Declare) -> None:
    assert run(returning(OutcomeUnknown("lost"), **KEYED)).sure is False


@pytest.mark.parametrize(
    ("facts", "error_type", "sure"),
    [(READ, "timeout", True), (KEYED, "unknown_outcome", False), (UNKEYED, "unknown_outcome", False)],
)
@pytest.mark.parametrize("asynchronous", [True, False])
def test_a_time_out_is_sure_only_where_nothing_is_written(
    declare: Declare, facts: dict[str, Any], error_type: str, sure: bool, asynchronous: bool
) -> None:
    released = threading.Event()

    async def wait_async(args: Words, context: ToolContext) -> None:
        """Wait."""
        await asyncio.sleep(600)

    def wait_sync(args: Words, context: ToolContext) -> None:
        """Wait."""
        released.wait(600)

    tool = declare(wait_async if asynchronous else wait_sync, timeout_s=0.05, **facts)
    began = time.monotonic()
    outcome = run(tool)
    released.set()
    assert (outcome.error_type, outcome.sure) == (error_type, sure)
    assert time.monotonic() - began < 5


def test_cancelling_a_run_is_not_swallowed(declare: Declare) -> None:
    async def wait(args: Words, context: ToolContext) -> None:
        """Wait."""
        await asyncio.sleep(600)

    async def cancelled() -> None:
        task = asyncio.create_task(execute(declare(wait), Words(), make_context()))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())


def test_a_read_whose_result_is_not_json_fails_and_a_write_is_not_invited_to_run_again(returning: Declare) -> None:
    for result in (object(), float("nan"), {"a": [float("inf")]}):
        assert run(returning(result)).error_type == "api_error"
        assert run(returning(result, **UNKEYED)).status == "success"


def test_characters_that_no_database_text_holds_are_replaced(returning: Declare) -> None:
    outcome = run(returning({"a\0": "x\0y\ud800z"}))
    outcome.text.encode()
    assert "\0" not in outcome.text
    assert "\\u0000" not in outcome.text


def test_what_a_tool_tells_about_its_result_comes_with_it(declare: Declare) -> None:
    """LOOP-5: provenance; GUARD-1: what it spent on models."""

    def tell(args: Words, context: ToolContext) -> str:
        """Tell."""
        context.mark_untrusted(source="web", title="T", ref="http://x.example/", quote="q")
        context.mark_untrusted(source="web", title="T", ref="http://x.example/", quote="q")
        context.confidence = 0.4
        context.spend("cheap", Usage(input_tokens=3, output_tokens=4))
        return "told"

    outcome = run(declare(tell))
    assert outcome.trust == "untrusted"
    assert outcome.sources == [{"source": "web", "title": "T", "ref": "http://x.example/", "quote": "q"}]
    assert outcome.confidence == 0.4
    assert outcome.spent == (("cheap", Usage(input_tokens=3, output_tokens=4)),)


def test_money_spent_before_an_error_is_not_forgotten(declare: Declare) -> None:
    def fail(args: Words, context: ToolContext) -> None:
        """Fail."""
        context.spend("cheap", Usage(input_tokens=1, output_tokens=1))
        raise ApiError("late")

    assert len(run(declare(fail)).spent) == 1


def test_a_tool_of_untrusted_results_needs_no_mark(returning: Declare) -> None:
    outcome = run(returning({"a": 1}, untrusted=True))
    assert outcome.trust == "untrusted"
    assert outcome.sources


def test_the_summary_is_one_line_of_validated_values_with_both_ends(declare: Declare) -> None:
    """APPR-2: one plain sentence; THREATS 37: a cut keeps both ends."""

    def do(args: Words, context: ToolContext) -> None:
        """Do."""

    tool = declare(do, summary="Do “{what}” with {words} ({count})")
    assert summary(tool, Words(words=["a", "b"], what="one\n two {words}")) == "Do “one two {words}” with a, b (—)"
    long = summary(tool, Words(what="start " + "x" * 5_000 + " end"))
    assert len(long) < 200
    assert "start" in long
    assert "end" in long
    assert "…" in long


def test_a_beginning_ends_between_words() -> None:
    assert beginning("I owe 1,840.00 euros", 20) == "I owe 1,840.00 euros"
    assert beginning("I owe 1,840.00 euros", 10) == "I owe…"
    assert beginning("I owe 1,840.00 euros", 15) == "I owe 1,840.00…"
    assert beginning("a" * 50, 10) == "a" * 9 + "…"


def test_shortening_keeps_both_ends() -> None:
    assert shorten("short", 10) == "short"
    assert shorten("a" * 50 + "b" * 50, 10) == "aaaaaa…bbb"


def test_a_check_says_what_must_hold_or_refuses(declare: Declare) -> None:
    """TOOL-1: `check`; APPR-4: the precondition is part of the digest."""

    def do(args: Words, context: ToolContext) -> None:
        """Do."""

    value = Words()
    assert precondition(declare(do), value, make_context()) == ""
    assert (
        precondition(declare(do, check=lambda args, context: f"open for {context.session}"), value, make_context())
        == "open for S-88001"
    )

    def refuse(args: Words, context: ToolContext) -> str:
        raise LookupError("no such payment")

    with pytest.raises(CheckFailed, match="LookupError: no such payment"):
        precondition(declare(do, check=refuse), value, make_context())
    with pytest.raises(CheckFailed):
        asyncio.run(precondition_async(declare(do, check=refuse), value, make_context()))


def test_a_radius_that_cannot_be_told_is_wide(declare: Declare) -> None:
    """Empty or unknown means the strictest."""

    def do(args: Words, context: ToolContext) -> None:
        """Do."""

    value = Words(count=3)
    assert radius(declare(do), value) == "narrow"
    assert radius(declare(do, blast_radius="wide"), value) == "wide"
    assert radius(declare(do, blast_radius=lambda args: "narrow" if args.count < 5 else "wide"), value) == "narrow"
    assert radius(declare(do, blast_radius=lambda args: "small"), value) == "wide"
    assert radius(declare(do, blast_radius=lambda args: args.nothing), value) == "wide"


def test_a_dry_run_says_what_would_have_happened(declare: Declare) -> None:
    """LOOP-15."""
    runs: list[int] = []

    def do(args: Words, context: ToolContext) -> None:
        """Do."""
        runs.append(1)

    outcome = rehearse(declare(do, summary="Do {what}", **UNKEYED), Words(what="it"))
    assert json.loads(outcome.text)["result"]["would"] == "Do it"
    assert runs == []


@pytest.mark.parametrize(
    ("raised", "facts", "blamed"),
    [
        (Unavailable("The mail server cannot be reached."), {}, True),
        (NotServed("It may start 60 times a minute."), {}, False),
        (Unavailable("no-such-host.example cannot be read."), {"own_service": False}, False),
    ],
)
def test_only_what_a_tool_always_reaches_is_to_blame_for_its_failures(
    returning: Declare, raised: ToolError, facts: dict[str, Any], blamed: bool
) -> None:
    """GUARD-7: neither our own limits nor an address that one call names shut a tool for everybody."""
    outcome = run(returning(raised, **facts))
    assert (outcome.error_type, outcome.blames_service) == ("unavailable", blamed)


def test_an_address_that_cannot_be_fetched_says_nothing_of_the_next_one() -> None:
    """GUARD-7: an agent that asks for dead hosts does not keep the others from fetching."""
    fetch = registry.get("fetch_url")
    assert fetch is not None
    assert not fetch.own_service
