"""The scripted model as a process: its pages, its faults, its start and its end."""

import json
import signal
import subprocess
import sys
import time
import urllib.error
from pathlib import Path
from typing import Any

import pytest

from agents.llm.provider import Question
from agents.llm.scripted import bench
from agents.llm.scripted.faults import KINDS
from agents.llm.scripted.server import MODELS
from tests.agents.llm.conftest import ROOT, ScriptedServer, free_port, say, wait_until_ready

HELLO = {"model": "scripted-1", "messages": [{"role": "user", "content": "Hello"}]}


def start(*arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "agents.llm.scripted", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_it_lists_its_models_and_says_that_it_is_well(scripted: ScriptedServer) -> None:
    assert [model["id"] for model in scripted.get("/v1/models")["data"]] == list(MODELS)
    assert scripted.get("/healthz")["status"] == "ok"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"messages": []}', b'{"messages": "x"}', b'{"messages": [1]}'])
def test_a_request_that_cannot_be_read_is_a_400_in_the_protocols_shape(scripted: ScriptedServer, body: bytes) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        scripted.post("/v1/chat/completions", body)
    with caught.value as answer:
        assert answer.code == 400
        assert json.loads(answer.read())["error"]["code"] == "invalid_request_error"


def test_the_same_request_gets_the_same_bytes(scripted: ScriptedServer) -> None:
    assert scripted.post("/v1/chat/completions", HELLO) == scripted.post("/v1/chat/completions", HELLO)


def test_faults_wait_their_turn_and_their_match(scripted: ScriptedServer) -> None:
    scripted.post("/_faults", [{"kind": "server_error", "count": 2, "match": "the one"}])
    scripted.ask(say("Hello"))
    assert scripted.get("/_faults")["waiting"] == [{"kind": "server_error", "count": 2, "match": "the one"}]
    for _ in range(2):
        with pytest.raises(urllib.error.HTTPError) as caught:
            scripted.post("/v1/chat/completions", {"messages": [{"role": "user", "content": "Hello, the one"}]})
        caught.value.close()
    assert scripted.get("/_faults")["waiting"] == []


def test_an_unknown_fault_is_refused(scripted: ScriptedServer) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        scripted.fault("fire")
    with caught.value as answer:
        assert answer.code == 422


def test_requests_and_tokens_are_counted(scripted: ScriptedServer) -> None:
    before = scripted.get("/_stats")
    usage = scripted.ask(say("scenario: prose")).usage
    after = scripted.get("/_stats")
    assert after["requests"] == before["requests"] + 1
    assert after["scenario"]["prose"] == before["scenario"].get("prose", 0) + 1
    assert after["input_tokens"] == before.get("input_tokens", 0) + usage.input_tokens


def test_the_newest_requests_can_be_read_where_they_are_kept(scripted: ScriptedServer) -> None:
    for number in range(7):
        scripted.ask(say(f"scenario: prose number={number}"))
    kept = scripted.get("/_requests")
    assert [request["messages"][0]["content"] for request in kept] == [f"scenario: prose number={n}" for n in range(2, 7)]


def test_the_benchmark_says_the_same_plain_and_streamed(scripted: ScriptedServer) -> None:
    """Fixed bytes for plain requests; a watched session of the benchmark gets the same answers in chunks."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": "scenario: bench"}]
    for expected in bench.ANSWERS:
        question = Question("scripted-1", tuple(messages))
        plain, streamed = scripted.ask(question), scripted.ask(question, watched=True)
        assert (plain.text, plain.finish_reason) == (streamed.text, streamed.finish_reason)
        assert plain.text == expected.text
        names = [(call.name, call.arguments) for call in expected.calls]
        assert [(call.name, call.arguments) for call in plain.calls] == names
        assert [(call.name, call.arguments) for call in streamed.calls] == names
        messages.append({"role": "assistant", "content": plain.text})


def test_more_scenarios_a_fault_file_and_a_delay_come_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[[steps]]\ntext = "Mine."', encoding="utf-8")
    faults = tmp_path / "faults.json"
    faults.write_text('[{"kind": "server_error"}]', encoding="utf-8")
    server = ScriptedServer(free_port())
    arguments = ("--port", str(server.port), "--scenarios", str(tmp_path), "--fault-file", str(faults), "--delay", "0.2")
    with start(*arguments) as process:
        try:
            wait_until_ready(server, process)
            with pytest.raises(urllib.error.HTTPError) as caught:
                server.post("/v1/chat/completions", HELLO)
            caught.value.close()
            started = time.monotonic()
            assert server.ask(say("scenario: mine")).text == "Mine."
            assert time.monotonic() - started >= 0.2
        finally:
            process.terminate()


def test_a_signal_ends_it_soon() -> None:
    server = ScriptedServer(free_port())
    with start("--port", str(server.port)) as process:
        wait_until_ready(server, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0


def test_a_port_in_use_is_one_clear_line(scripted: ScriptedServer) -> None:
    with start("--port", str(scripted.port)) as process:
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert errors.decode().strip().startswith(f"The scripted model cannot listen on 127.0.0.1:{scripted.port}")
    assert len(errors.decode().strip().splitlines()) == 1


def test_a_scenario_with_a_mistake_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("loop = true", encoding="utf-8")
    with start("--port", str(free_port()), "--scenarios", str(tmp_path)) as process:
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert len(errors.decode().strip().splitlines()) == 1
    assert "bad.toml" in errors.decode()


def test_it_knows_nothing_of_the_product_but_the_request() -> None:
    """It never sees the database; the process does not even load what could reach it."""
    code = (
        "import sys, agents.llm.scripted.server\n"
        "print([name for name in ('django', 'psycopg', 'openai', 'agents.models', 'audit') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert done.stdout.decode().strip() == "[]"


def test_the_page_about_it_names_every_fault_and_model() -> None:
    page = (ROOT / "docs" / "scripted-model.md").read_text(encoding="utf-8")
    assert [name for name in (*KINDS, *MODELS) if f"`{name}`" not in page] == []
