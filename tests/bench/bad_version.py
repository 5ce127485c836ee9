"""Sessions that run with a version which will be rolled back: `python -m tests.bench.bad_version SESSIONS`.

Releases a bad version to everybody, starts so many sessions that go on for ever with it, and ends.
"""

import json
import sys
from typing import Any

import django

django.setup()

from django.db import connection  # noqa: E402  settings first

from agents import services  # noqa: E402
from agents.prompts.releases import release  # noqa: E402
from agents.prompts.versions import add_version  # noqa: E402
from tests.bench.people import LONG, account, actor_of, start  # noqa: E402

SLUG = "bench-rolled"
GOOD, BAD = "You do it right.", "You do it wrong."
AGENT: dict[str, Any] = {**LONG, "slug": SLUG, "prompt": SLUG, "prompt_text": GOOD}


def main(sessions: int) -> None:
    """Make everything, and print what was made."""
    olga = account("olga", "operator")
    actor = actor_of(olga)
    services.apply_agent(AGENT, actor=actor)
    bad = add_version(slug=SLUG, text=BAD, actor=actor, user_id=olga.pk, note="Wrong.")
    release(slug=SLUG, version=bad.version, share=100, actor=actor)
    for _ in range(sessions):
        start(olga, SLUG, "scenario: loop-work")
    print(json.dumps({"sessions": sessions, "bad": bad.version}))
    connection.close()


if __name__ == "__main__":
    main(int(sys.argv[1]))
