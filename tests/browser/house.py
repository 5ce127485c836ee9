"""A running installation to look at: web, worker, scripted model and mail catcher as processes, on a database of its own.

Playwright keeps an event loop in the tests' thread, where Django refuses to work; what a test does in the database is
therefore done in another thread, by `House.do`.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import httpx2
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connections, transaction
from django.db.models.functions import Now
from django.test import Client, override_settings

from agents import services
from agents.demo.seed import seed
from agents.errors import SessionEnded
from agents.evals.work import work_open
from agents.gate import answer, undo
from agents.grading.judging import judge_open
from agents.grading.sampling import beat
from agents.llm.openai import OpenAIProvider
from agents.models import Session
from agents.reruns import work as reruns
from agents.tools import registry
from approvals import claims, policies
from approvals.digest import digest, other_body
from approvals.models import ApprovalRequest
from approvals.people import roles_of
from approvals.policy import Judgement, Person
from approvals.services import NewRequest, open_request, take_numbers
from audit.actors import SYSTEM, Actor
from audit.entry import Entry
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_log
from audit.services import Batch, record
from audit.services import transition as write
from tests.server import ROOT
from tests.waiting import free_port, wait_until

T = TypeVar("T")
DOMAIN = "demo.example"
SCENARIOS = Path(__file__).parent / "scenarios"
MAIL = 'scenario: mail-once to={to} subject="{subject}" token={token}'


@dataclass(eq=False)
class House:
    """The installation. `folder` holds its data and what its processes say."""

    folder: Path
    environment: Mapping[str, str] = field(repr=False)
    port: int = field(default_factory=free_port)
    passwords: dict[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._hand = ThreadPoolExecutor(1, thread_name_prefix="hand")
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._ports = {name: free_port() for name in ("model", "mail")}
        self._sent = 0

    @property
    def address(self) -> str:
        """Where its pages are."""
        return f"http://127.0.0.1:{self.port}"

    # Processes

    @cached_property
    def _settings(self) -> dict[str, str]:
        return {
            **self.environment,
            "DJANGO_SETTINGS_MODULE": "tests.browser.settings",
            "COUNTERSIGN_DATA": str(self.folder),
            "COUNTERSIGN_DEMO": "1",
            "COUNTERSIGN_TEST": "1",
            "COUNTERSIGN_TOOLS": "tests.browser.tools",
            "PORT": str(self.port),
            "SCRIPTED_URL": f"http://127.0.0.1:{self._ports['model']}/v1",
            "OPENAI_API_KEY": "",
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": str(self._ports["mail"]),
            "MAIL_CATCHER_DIR": str(self.folder / "mail"),
            "LOG_LEVEL": "WARNING",
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", "")))),
        }

    def start(self) -> None:
        """Start everything and wait until pages are served."""
        manage = str(ROOT / "manage.py")
        subprocess.run(
            [sys.executable, manage, "collectstatic", "--no-input", "--verbosity", "0"], env=self._settings, check=True
        )
        self._run("model", "-m", "agents.llm.scripted", "--port", str(self._ports["model"]), "--scenarios", str(SCENARIOS))
        self._run("mail", manage, "mail_catcher", "--port", str(self._ports["mail"]))
        self._run("worker", "-m", "tests.bench.work")
        self.start_web()

    def start_web(self) -> None:
        """Start the web process, the same again after `kill_web`; a connection that was kept for good would soon be missed."""
        self._run("web", "-m", "daphne", "--bind", "127.0.0.1", "--port", str(self.port), "--no-server-name", "--verbosity", "0",
                  "console.asgi:application", DATABASE_POOL="6")  # fmt: skip
        wait_until(self._serves)

    def kill_web(self) -> None:
        """End the web process without a word, as a crash does."""
        process = self._processes.pop("web")
        process.kill()
        process.wait(120)

    def stop(self) -> None:
        """Stop everything."""
        for process in self._processes.values():
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(120)
        self._hand.submit(connections.close_all).result()
        self._hand.shutdown()

    def said(self, name: str) -> str:
        """Return what a process has said until now."""
        return (self.folder / f"{name}.log").read_text(encoding="utf-8", errors="replace")

    def _run(self, name: str, *arguments: str, **more: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, *arguments], cwd=ROOT, env=self._settings | more, stdout=log, stderr=log
            )

    def _serves(self) -> bool:
        assert self._processes["web"].poll() is None, self.said("web")
        with suppress(httpx2.HTTPError):
            return httpx2.get(f"{self.address}/healthz", timeout=5).status_code == 200
        return False

    # What is in it

    def do(self, work: Callable[[], T]) -> T:
        """Work in the database, in a thread without an event loop."""
        return self._hand.submit(work).result(60)

    def furnish(self) -> None:
        """Fill it with the demo's people, documents, policy and agents."""
        registry.load()
        with override_settings(SCRIPTED=True):
            people = self.do(lambda: seed(goals=False))
        self.passwords = {person.email.partition("@")[0]: person.password for person in people}

    def play_suites(self) -> None:
        """Have the demo's suite, and re-runs that wait, played to their end, and results graded by the judge: no queue does that here."""
        model = f"http://127.0.0.1:{self._ports['model']}"

        def answers() -> bool:
            with suppress(httpx2.HTTPError):
                return httpx2.get(f"{model}/healthz", timeout=5).status_code == 200
            return False

        wait_until(answers)
        provider = partial(OpenAIProvider, f"{model}/v1", "none")
        self.do(lambda: (work_open(provider), reruns.work_open(provider)))
        self.do(lambda: (beat(settles_s=0), judge_open(provider)))

    def cookie(self, name: str) -> str:
        """Sign somebody in without the form and return the browser session's key."""

        def work() -> str:
            client = Client()
            client.force_login(_user(name))
            return client.cookies[settings.SESSION_COOKIE_NAME].value

        return self.do(work)

    def session(self, goal: str, by: str = "olga", agent: str = "research-assistant") -> Session:
        """Start a session."""

        def work() -> Session:
            user = _user(by)
            return services.start_session(actor=_actor(user), person_id=user.pk, agent=agent, goal=goal)

        return self.do(work)

    def mail(self, to: str = "kim@customer.example", subject: str = "A message", by: str = "olga") -> ApprovalRequest:
        """Let the agent ask to send one e-mail, and return its request; each is another one."""
        self._sent += 1
        return self.asked(self.session(MAIL.format(to=to, subject=subject, token=f"T{self._sent}"), by))

    def asked(self, session: Session) -> ApprovalRequest:
        """Wait for the session's open request."""
        found: list[ApprovalRequest] = []

        def look() -> bool:
            found.extend(ApprovalRequest.objects.filter(session_id=session.pk, status="pending")[:1])
            return bool(found)

        wait_until(lambda: self.do(look))
        return found[0]

    def clear(self) -> None:
        """Call off what waits for a decision: the queue shows a page of it, and a new request may stand behind that."""

        def work() -> None:
            waiting = ApprovalRequest.objects.filter(status__in=("pending", "held"), session_id__isnull=False)
            for id_ in {row.session_id for row in waiting.only("session_id")}:
                assert id_ is not None
                with suppress(SessionEnded):
                    services.cancel(session=id_, actor=SYSTEM)
            index_log(patience_ms=2000)

        self.do(work)

    def put(self, kind: str, summary: str, facts: Mapping[str, Any], **more: Any) -> ApprovalRequest:
        """Put a request of a kind before people by the service that opens all of them, without a session behind it."""

        def work() -> ApprovalRequest:
            (number,), key = take_numbers(1), uuid7()
            body = other_body(request=str(key), revision=1, kind=kind, session="", facts=facts)
            new = NewRequest(id=key, number=number, kind=kind, body=body, digest=digest(body), summary=summary, facts=facts,
                             judgement=Judgement("ask", (), risk=2), **more)  # fmt: skip
            birth, told = open_request(new, actor=SYSTEM)
            with transaction.atomic():
                write(Batch((), (birth,), (told,)))
            return ApprovalRequest.objects.get(pk=key)

        return self.do(work)

    @contextmanager
    def undo_period(self, seconds: int) -> Iterator[None]:
        """Let approvals that are asked for meanwhile be undone for so long, which is not the usual 5 s."""
        with self.tiers(hold_s=seconds):
            yield

    @contextmanager
    def policy_kept(self) -> Iterator[None]:
        """Save the policy of before again, should somebody have saved another meanwhile."""
        before = self.do(lambda: policies.current(fresh=True))
        yield
        if self.do(lambda: policies.current(fresh=True)).number != before.number:
            self._policy(before.policy.model_dump(mode="json"))

    @contextmanager
    def tiers(self, **changed: Any) -> Iterator[None]:
        """Let policy say something else of every tier meanwhile."""
        before = self.do(lambda: policies.current(fresh=True).policy.model_dump(mode="json"))
        tiers = {name: {**tier, **changed} for name, tier in before["tiers"].items()}
        self._policy({**before, "tiers": tiers})
        try:
            yield
        finally:
            self._policy(before)

    @contextmanager
    def emergencies(self) -> Iterator[None]:
        """Let policy ask for two people, and allow to break the glass, meanwhile."""
        before = self.do(lambda: policies.current(fresh=True).policy.model_dump(mode="json"))
        tiers = {name: {**tier, "required": 2} for name, tier in before["tiers"].items()}
        self._policy({**before, "tiers": tiers, "break_glass": {"enabled": True}})
        try:
            yield
        finally:
            self._policy(before)

    @contextmanager
    def ruling(self, rule: Mapping[str, Any]) -> Iterator[None]:
        """Let policy have one more rule meanwhile, and know the firm's own addresses."""
        before = self.do(lambda: policies.current(fresh=True).policy.model_dump(mode="json"))
        self._policy({**before, "rules": [*before["rules"], dict(rule)], "recipients": ["@halden.example"]})
        try:
            yield
        finally:
            self._policy(before)

    @contextmanager
    def ruled_by(self, part: str, **changed: Any) -> Iterator[None]:
        """Let a part of policy say something else meanwhile."""
        before = self.do(lambda: policies.current(fresh=True).policy.model_dump(mode="json"))
        self._policy({**before, part: {**before[part], **changed}})
        try:
            yield
        finally:
            self._policy(before)

    def ruled(self) -> int:
        """Save a policy with a rule that fits none of the tests' calls, and return its number."""
        before = self.do(lambda: policies.current(fresh=True).policy.model_dump(mode="json"))
        when = {"path": "to.*", "op": "outside", "value": "recipients"}
        rule = {
            "name": "Drafts to strangers",
            "tool": "draft_message",
            "agent": "desk",
            "when": when,
            "then": "ask",
            "required": 2,
        }
        rules = [*(one for one in before["rules"] if one["name"] != rule["name"]), rule]
        self._policy({**before, "rules": rules, "recipients": ["@halden.example"]})
        return self.do(lambda: policies.current(fresh=True).number)

    def _policy(self, document: dict[str, Any]) -> None:
        self.do(lambda: policies.save(document, note="For a test.", actor=SYSTEM))

    def status_of(self, row: ApprovalRequest) -> str:
        """Return where a request stands now."""
        return self.do(lambda: ApprovalRequest.objects.values_list("status", flat=True).get(pk=row.pk))

    def becomes(self, row: ApprovalRequest, *statuses: str) -> None:
        """Wait until a request stands somewhere."""
        wait_until(lambda: self.status_of(row) in statuses)

    def decide(self, row: ApprovalRequest, by: str, verdict: str, **more: Any) -> None:
        """Let somebody decide without a browser."""

        def work() -> None:
            user = _user(by)
            answer(request_id=row.pk, person=_person(user), actor=_actor(user), verdict=verdict, digest=row.digest, **more)
            index_log(patience_ms=2000)

        self.do(work)

    def undo(self, row: ApprovalRequest, by: str) -> None:
        """Let somebody take a decision back without a browser."""

        def work() -> None:
            undo(request_id=row.pk, actor=_actor(_user(by)))
            index_log(patience_ms=2000)

        self.do(work)

    def assign(self, row: ApprovalRequest, to: str, by: str) -> None:
        """Let somebody give a request to somebody without a browser."""

        def work() -> None:
            giver = _user(by)
            claims.assign(request_id=row.pk, to=_person(_user(to)), person=_person(giver), actor=_actor(giver))
            index_log(patience_ms=2000)

        self.do(work)

    def expire(self, row: ApprovalRequest) -> None:
        """Let the time of an open request be over now."""
        self.do(lambda: ApprovalRequest.objects.filter(pk=row.pk).update(expires_at=Now()))

    def happen(self, ref: str, count: int = 1) -> int:
        """Let so many things happen in a session's log, and return the log's head."""

        def work() -> int:
            record([Entry(f"session:{ref}", EventKind.SESSION_CLAIMED, SYSTEM, {"i": i}, (ref,), i) for i in range(count)])
            return index_log(patience_ms=5000) or 0

        return self.do(work)


def _user(name: str) -> User:
    return User.objects.get(username=f"{name}@{DOMAIN}")


def _person(user: User) -> Person:
    return Person(id=user.pk, name=user.first_name, roles=roles_of(user.pk), reauthenticated=True)


def _actor(user: User) -> Actor:
    return Actor("user", str(user.pk), user.first_name)


@contextmanager
def running_house(folder: Path, environment: Mapping[str, str]) -> Iterator[House]:
    """Furnish and start a house, and stop it however the tests end."""
    folder.mkdir(parents=True, exist_ok=True)
    house = House(folder, environment)
    with ExitStack() as stack:
        stack.callback(house.stop)
        house.furnish()
        house.start()
        house.play_suites()
        yield house
