"""A small world for stories: a real database, the scripted model over HTTP, an agent, and a worker to run at will."""

import asyncio
import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from django.contrib.auth.models import User
from django.db import connections

from agents import services
from agents.agreement.check import check
from agents.gate import answer
from agents.llm.openai import OpenAIProvider
from agents.models import Session, ToolCall
from agents.worker import Worker
from approvals import policies
from approvals.models import ApprovalRequest
from approvals.people import roles_of
from approvals.policy import DEFAULT_POLICY, Person
from audit.actors import Actor
from audit.content import read_texts
from audit.verify import verify
from tests.conftest import FreshDatabase
from tests.waiting import PATIENCE_S, free_port, wait_until

SCENARIOS = Path(__file__).parent / "scenarios"
SCOPES = ["documents:read", "documents:delete", "files:read", "files:write", "mail:draft", "mail:send", "notes:publish",
          "memory:read", "memory:write", "people:ask", "web:fetch", "web:search"]  # fmt: skip


@pytest.fixture(scope="session")
def model_url() -> Iterator[str]:
    """The scripted model server, as a process of its own."""
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "agents.llm.scripted", "--port", str(port), "--scenarios", str(SCENARIOS), "--keep", "50"]
    ) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until(lambda: answers(f"{url}/healthz"))
            yield f"{url}/v1"
        finally:
            process.terminate()
            process.wait(120)


def answers(url: str) -> bool:
    """True if something answers there."""
    with contextlib.suppress(httpx2.HTTPError):
        return httpx2.get(url, timeout=20).status_code == 200
    return False


def config(slug: str = "research-assistant", **more: Any) -> dict[str, Any]:
    """A document of an agent for tests."""
    return {
        "slug": slug,
        "prompt": slug,
        "prompt_text": "You research questions in the company's document library.",
        "model": "scripted-1",
        "cheap_model": "scripted-mini",
        "tools": ["search_documents", "read_document", "summarise_document", "calculate", "read_file", "write_file", "recall",
                  "remember", "draft_message", "send_email", "publish_note", "delete_document", "ask_person"],
        "task_types": {"default": SCOPES},
        "retries": {"base_backoff_s": 0.01},
        **more,
    }  # fmt: skip


def actor_of(user: User) -> Actor:
    """The user as a principal."""
    return Actor("user", str(user.pk), user.first_name)


def person_of(user: User) -> Person:
    """The user as a human with roles, freshly reauthenticated."""
    return Person(id=user.pk, name=user.first_name, roles=roles_of(user.pk), reauthenticated=True)


@dataclass
class World:
    """What a story needs."""

    database: FreshDatabase
    model_url: str
    olga: User

    def agent(self, **more: Any) -> str:
        """Apply an agent and return its slug."""
        return services.apply_agent(config(**more), actor=actor_of(self.olga)).agent.slug

    def start(self, goal: str, *, agent: str = "research-assistant", by: User | None = None, **more: Any) -> Session:
        """Start a session for a goal."""
        who = by or self.olga
        return services.start_session(actor=actor_of(who), person_id=who.pk, agent=agent, goal=goal, **more)

    def policy(self, *, rules: Sequence[dict[str, Any]] = (), hold_s: int | None = None) -> None:
        """Store another policy: the shipped one with further rules, or another undo period."""
        document = DEFAULT_POLICY.model_dump(mode="json")
        document["rules"] = list(rules)
        for tier in document["tiers"].values():
            tier["hold_s"] = tier["hold_s"] if hold_s is None else hold_s
        policies.save(document, note="For a test.", actor=actor_of(self.olga))

    def work(self, *, seconds: float = PATIENCE_S, until: Callable[[], object] | None = None) -> None:
        """Run one worker until nothing is left to do (or until a condition holds)."""
        stop = threading.Event()
        failure: list[BaseException] = []

        def loop() -> None:
            worker = Worker(OpenAIProvider(self.model_url, "none"), capacity=50)
            try:
                asyncio.run(worker.run(lifetime_s=seconds, told_to_stop=stop.is_set))
            except BaseException as error:  # noqa: BLE001  shown by the test that waits for it
                failure.append(error)
            finally:
                connections.close_all()

        thread = threading.Thread(target=loop)
        thread.start()
        try:
            there = until or self.idle
            wait_until(lambda: failure or there(), seconds=seconds)
        finally:
            stop.set()
            thread.join(PATIENCE_S)
        if failure:
            raise failure[0]

    def idle(self) -> bool:
        """True if no session is ready or running, an undo period included."""
        return not Session.objects.filter(status__in=["queued", "running"]).exists()

    def decide(self, request: ApprovalRequest, by: User, verdict: str, **more: Any) -> Any:
        """Let somebody decide on what they are shown now."""
        return answer(
            request_id=request.id, person=person_of(by), actor=actor_of(by), verdict=verdict,
            digest=more.pop("digest", request.digest), **more,
        )  # fmt: skip

    def pending(self, session: Session) -> list[ApprovalRequest]:
        """What waits for people in a session, oldest first."""
        return list(ApprovalRequest.objects.filter(session_id=session.id, status="pending").order_by("number"))

    def calls(self, session: Session) -> list[ToolCall]:
        """The session's calls in order."""
        return list(ToolCall.objects.filter(session=session).order_by("turn__number", "index"))

    def answer_of(self, session: Session) -> str:
        """The session's answer."""
        session.refresh_from_db()
        return text(session.answer_id)

    def result(self, call: ToolCall) -> str:
        """What the model reads for a call."""
        call.refresh_from_db()
        return text(call.result_id)

    def log_is_whole(self) -> bool:
        """True if the audit trail verifies, and every row is what it says."""
        found, rows = verify(), check()
        assert found.ok, found.first_bad
        assert rows.ok, [str(one) for one in rows.findings]
        return True


def text(id_: Any) -> str:
    """A stored text."""
    return read_texts([id_]).get(id_, "") if id_ else ""


@pytest.fixture
def world(fresh_database: FreshDatabase, model_url: str, olga: User) -> World:
    """The world, with the research assistant in it."""
    here = World(fresh_database, model_url, olga)
    here.agent()
    return here
