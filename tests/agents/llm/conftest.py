"""A scripted model server as a process of its own, and providers that talk to it."""

import asyncio
import json
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agents.llm.openai import OpenAIProvider
from agents.llm.provider import Completion, Question
from tests.waiting import wait_until

ROOT = Path(__file__).parents[3]
CALCULATE = {
    "type": "function",
    "function": {
        "name": "calculate",
        "description": "Calculate.",
        "parameters": {"type": "object", "properties": {"expression": {"type": "string"}}, "required": ["expression"]},
    },
}


@dataclass
class ScriptedServer:
    """A running scripted model server."""

    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=60) as answer:
            return json.loads(answer.read())

    def post(self, path: str, body: object) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def fault(self, kind: str, **more: Any) -> None:
        """Let the next request go wrong."""
        self.post("/_faults", {"kind": kind, **more})

    def ask(self, question: Question, *, watched: bool = False, aiohttp: bool = True) -> Completion:
        """Ask once through the real provider."""
        return ask(f"{self.url}/v1", question, watched=watched, aiohttp=aiohttp)


def ask(
    url: str, question: Question, *, watched: bool = False, aiohttp: bool = True, seen: list[str] | None = None
) -> Completion:
    """Ask once over a real socket, with a provider of its own."""

    async def once() -> Completion:
        provider = OpenAIProvider(url, use_aiohttp=aiohttp)
        deltas: list[str] = [] if seen is None else seen
        try:
            return await provider.complete(question, on_delta=deltas.append if watched else None)
        finally:
            await provider.aclose()

    return asyncio.run(once())


def say(text: str, *, model: str = "scripted-1", timeout_s: float = 60.0, **more: Any) -> Question:
    """Return a question with one user message."""
    return Question(model=model, messages=[{"role": "user", "content": text}], timeout_s=timeout_s, **more)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_ready(server: ScriptedServer, process: subprocess.Popen[bytes]) -> None:
    """Poll the health page; the server needs about a second to start."""

    def ready() -> bool:
        assert process.poll() is None, "the scripted model server ended"
        try:
            server.get("/healthz")
        except (urllib.error.URLError, ConnectionError):
            return False
        return True

    wait_until(ready)


@pytest.fixture(scope="session")
def scripted_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScriptedServer]:
    """One server for all tests of this process."""
    server = ScriptedServer(free_port())
    command = [sys.executable, "-m", "agents.llm.scripted", "--port", str(server.port), "--keep", "5"]
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        wait_until_ready(server, process)
        yield server
    finally:
        process.terminate()
        process.wait(120)


@pytest.fixture
def scripted(scripted_process: ScriptedServer) -> ScriptedServer:
    """The server, with no fault left over from another test."""
    request = urllib.request.Request(scripted_process.url + "/_faults", method="DELETE")
    urllib.request.urlopen(request, timeout=60).close()
    return scripted_process
