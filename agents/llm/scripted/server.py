"""The scripted model's HTTP side: reads a request, lets the right part answer, sends it or breaks it.

Answers `POST /v1/chat/completions`, `GET /v1/models`, `/healthz`, and for tests, from this
machine only, `/_faults`, `/_stats`, `/_arrivals` and `/_requests`.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

from agents.llm.scripted import bench, classify, delivery, grade, gullible, researcher, scenarios, summary
from agents.llm.scripted.answer import Answer
from agents.llm.scripted.conversation import Conversation, read_conversation
from agents.llm.scripted.faults import KINDS, FaultQueue

MODELS = ("scripted-1", "scripted-mini", "scripted-gullible")
MOST_ARRIVALS = 20_000
_MODEL = re.compile(rb'"model": ?"([^"]{1,120})"')
_SYSTEM = re.compile(rb'"role": ?"system", ?"content": ?"([^"\\]{1,60})')
_LARGEST_REQUEST = 32 * 1024 * 1024
_LOOPBACK = frozenset({"127.0.0.1", "::1", "::ffff:127.0.0.1"})


TASKS: tuple[tuple[Callable[[Conversation], bool], Callable[[Conversation], Answer]], ...] = (
    (grade.asked_for, grade.answer), (classify.asked_for, classify.answer), (summary.asked_for, summary.answer),
)  # fmt: skip
"""What any of the models is asked besides a conversation, and who answers that."""


class ScriptedModel:
    """The server's state: scenarios, faults to come, counts. No conversation is kept."""

    def __init__(
        self,
        *,
        folders: Iterable[Path] = (scenarios.SHIPPED,),
        delay_s: float = 0.0,
        fault_file: Path | None = None,
        keep: int = 0,
    ) -> None:
        """Read the scenarios; `keep` requests are kept for `/_requests`."""
        self.scenarios = scenarios.load(folders)
        self.faults = FaultQueue(file=fault_file)
        self.delay_s = delay_s
        self.counts: Counter[str] = Counter()
        self.kept: deque[Any] = deque(maxlen=keep)
        self.arrivals: deque[tuple[float, str, str]] = deque(maxlen=MOST_ARRIVALS)

    def application(self) -> web.Application:
        """Return the aiohttp application."""
        application = web.Application(client_max_size=_LARGEST_REQUEST)
        application.add_routes(
            [
                web.post("/v1/chat/completions", self.complete),
                web.post("/chat/completions", self.complete),
                web.get("/v1/models", self.models),
                web.get("/healthz", self.health),
                web.post("/_faults", _local(self.add_faults)),
                web.delete("/_faults", _local(self.clear_faults)),
                web.get("/_faults", _local(self.list_faults)),
                web.get("/_stats", _local(self.stats)),
                web.get("/_requests", _local(self.requests)),
                web.get("/_arrivals", _local(self.arrived)),
            ]
        )
        return application

    async def complete(self, request: web.Request) -> web.StreamResponse:
        """Answer one chat completion."""
        body = await request.read()
        self.counts["requests"] += 1
        named, told = _MODEL.search(body), _SYSTEM.search(body)
        self.arrivals.append((time.monotonic(), _text(named), _text(told)))
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        fault = self.faults.take(body)
        fixed = None if fault else bench.body_for(body)
        if fixed is not None:
            self.counts["scenario:bench"] += 1
            return web.Response(body=fixed, content_type="application/json")
        try:
            parsed = json.loads(body)
            conversation = read_conversation(parsed)
        except (ValueError, AttributeError, TypeError) as error:
            return delivery.error(400, f"The request cannot be read: {error}", "invalid_request_error")
        if self.kept.maxlen:
            self.kept.append(parsed)
        answer = self.answer(conversation)
        if fault is not None:
            answer = Answer(answer.text, answer.calls, answer.finish_reason, fault)
        return await delivery.send(request, conversation, answer, self.counts)

    def answer(self, conversation: Conversation) -> Answer:
        """Let a written scenario answer, else the part that the model's name stands for."""
        graded = grade.asked_for(conversation)
        chosen = scenarios.choose(grade.without_judged(conversation) if graded else conversation, self.scenarios)
        if chosen is not None:
            self.counts[f"scenario:{chosen[0].name}"] += 1
            return scenarios.play(*chosen, conversation, self.faults)
        if bench.MARKER.decode() in "".join(conversation.user_texts[:1]):  # a watched session of the benchmark
            self.counts["scenario:bench"] += 1
            return bench.ANSWERS[min(conversation.turn, len(bench.ANSWERS) - 1)]
        self.counts[f"model:{conversation.model}"] += 1
        for asked_for, answer in TASKS:
            if asked_for(conversation):
                return answer(conversation)
        if conversation.model == "scripted-gullible":
            return gullible.answer(conversation)
        return researcher.answer(conversation)

    async def models(self, _request: web.Request) -> web.Response:
        """List the models, as the protocol wants it."""
        return web.json_response(
            {"object": "list", "data": [{"id": name, "object": "model", "owned_by": "countersign"} for name in MODELS]}
        )

    async def health(self, _request: web.Request) -> web.Response:
        """Say that the server answers."""
        return web.json_response({"status": "ok", "scenarios": sorted(self.scenarios)})

    async def add_faults(self, request: web.Request) -> web.Response:
        """Queue one fault or a list of them."""
        try:
            items = await request.json()
            for item in items if isinstance(items, list) else [items]:
                self.faults.add(item)
        except (ValueError, AttributeError, TypeError) as error:
            return delivery.error(422, str(error), "invalid_fault")
        return await self.list_faults(request)

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Forget all faults that have not happened."""
        self.faults.waiting.clear()
        return await self.list_faults(request)

    async def list_faults(self, _request: web.Request) -> web.Response:
        """List what waits, and the kinds there are."""
        waiting = [{"kind": item.fault.kind, "count": item.count, "match": item.match} for item in self.faults.waiting]
        return web.json_response({"waiting": waiting, "kinds": dict(KINDS)})

    async def stats(self, _request: web.Request) -> web.Response:
        """Return the counts since the start."""
        return web.json_response(_nested(self.counts))

    async def arrived(self, _request: web.Request) -> web.Response:
        """Return when each of the newest requests arrived by this process's clock, its model, and how its instructions begin."""
        return web.json_response(list(self.arrivals))

    async def requests(self, _request: web.Request) -> web.Response:
        """Return the newest requests, where keeping them was asked for."""
        return web.json_response(list(self.kept))


def _text(found: re.Match[bytes] | None) -> str:
    """What was found, kept once however often it comes; empty where nothing was."""
    return sys.intern(found[1].decode("utf-8", "replace")) if found else ""


def _nested(counts: Mapping[str, int]) -> dict[str, Any]:
    """Return `scenario:x` and `model:x` counts as objects of their own."""
    nested: dict[str, Any] = {"requests": 0, "scenario": {}, "model": {}, "fault": {}}
    for key, value in counts.items():
        group, _, name = key.partition(":")
        if name:
            nested.setdefault(group, {})[name] = value
        else:
            nested[group] = value
    return nested


def _local(handler: Any) -> Any:
    """Let only this machine use a test's endpoint."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        if request.remote not in _LOOPBACK:
            return delivery.error(403, "Only this machine may do that.", "forbidden")
        response: web.StreamResponse = await handler(request)
        return response

    return guarded
