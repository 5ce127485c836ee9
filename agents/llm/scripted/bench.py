"""PURE: the benchmark's conversation: fixed bodies, made once, chosen without reading the JSON.

Four model calls: two that only read, one that sends, and the answer. The server's own work is
kept near nothing, so that what `make bench` measures is the product.
"""

from __future__ import annotations

from agents.llm.scripted.answer import Answer, call
from agents.llm.scripted.conversation import Conversation
from agents.llm.scripted.replies import make_reply, whole

MARKER = b"scenario: bench"

ANSWERS = (
    Answer("I will look for the refund policy.", (call("bench_look_up", {"query": "refund policy"}),)),
    Answer("I will calculate the share first.", (call("bench_compute", {"expression": "15 / 100 * 1240"}),)),
    Answer(
        "You asked me to e-mail this. Please check it before it leaves.",
        (call("bench_send", {"to": "kim@customer.example", "body": "Your refund is 186.00."}),),
    ),
    Answer("The e-mail went to kim@customer.example. The refund is 186.00."),
)


def _body(turn: int, answer: Answer) -> bytes:
    messages = [{"role": "user", "content": MARKER.decode()}, *({"role": "assistant"} for _ in range(turn))]
    return whole(make_reply(Conversation("scripted-1", messages, {}), answer))


BODIES = tuple(_body(turn, answer) for turn, answer in enumerate(ANSWERS))


def body_for(request: bytes) -> bytes | None:
    """Return the fixed body for a plain request of the benchmark, or None for any other.

    Counts assistant turns in the raw bytes: inside JSON strings quotation marks are escaped, so
    no text can pretend to be one.
    """
    if MARKER not in request or b'"stream":true' in request or b'"stream": true' in request:
        return None
    turns = request.count(b'"role":"assistant"') + request.count(b'"role": "assistant"')
    return BODIES[min(turns, len(BODIES) - 1)]
