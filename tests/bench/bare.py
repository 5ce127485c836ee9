"""The bare loop: the same calls, messages and tools schema through `AsyncOpenAI`, nothing persisted, nobody asked.

`python -m tests.bench.bare URL SESSIONS AT_ONCE default|aiohttp` prints what it cost.
"""

import asyncio
import json
import resource
import sys
import time
from typing import Any

from openai import AsyncOpenAI, DefaultAioHttpClient

from tests.bench.schema import PROMPT, TOOLS

RESULTS = {
    "bench_look_up": '{"results":[{"title":"Refund policy","quote":"A refund of 15 percent is due after 30 days. "}]}',
    "bench_compute": '{"value":186.0}',
    "bench_send": '{"sent":true}',
}


async def session(client: AsyncOpenAI) -> None:
    """One run: ask, run the calls, ask again, until the model answers without a call."""
    messages: list[Any] = [{"role": "system", "content": PROMPT}, {"role": "user", "content": "scenario: bench"}]
    while True:
        answer = await client.chat.completions.create(model="scripted-1", messages=messages, tools=TOOLS, max_tokens=2048)
        message = answer.choices[0].message
        messages.append(message.model_dump(exclude_none=True))
        if not message.tool_calls:
            return
        for call in message.tool_calls:
            json.loads(call.function.arguments)  # type: ignore[union-attr]  # the scripted model plans functions only
            content = RESULTS[call.function.name]  # type: ignore[union-attr]  # as above
            messages.append({"role": "tool", "tool_call_id": call.id, "content": content})


async def main(url: str, sessions: int, at_once: int, transport: str) -> None:
    """Run all sessions and print the figures."""
    http = DefaultAioHttpClient() if transport == "aiohttp" else None
    client = AsyncOpenAI(base_url=url, api_key="none", max_retries=0, http_client=http)
    places = asyncio.Semaphore(at_once)

    async def placed() -> None:
        async with places:
            await session(client)

    await session(client)
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.monotonic()
    await asyncio.gather(*(placed() for _ in range(sessions)))
    after, took = resource.getrusage(resource.RUSAGE_SELF), time.monotonic() - began
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"cpu_ms": cpu * 1000 / sessions, "rate": sessions / took}))
    await client.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
