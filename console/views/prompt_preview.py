"""What the draft in the editor would give the model in a session that was, beside what was given then."""

from typing import Any

from django.urls import reverse

from agents.errors import BadText, UnknownTurn
from agents.models import Prompt
from agents.prompts.preview import Preview, preview
from agents.prompts.versions import Draft
from console.auth import Caller
from console.covering import mask_of_session
from console.diff import line_diff
from console.formats import grouped
from console.revealing import reveals_session
from console.turns import covered
from console.views.session_replay import shown

MOST = 20  # messages behind the system prompt, the newest


def previewed(caller: Caller, prompt: Prompt, draft: Draft, session: str) -> tuple[dict[str, Any] | None, str]:
    """Return what the page shows of a preview, else why there is none."""
    if draft.errors:
        return None, "Put right what is wrong with the text first."
    try:
        return _shown(caller, preview(prompt, draft, session=session[:30])), ""
    except (BadText, UnknownTurn) as error:
        return None, error.detail


def _shown(caller: Caller, found: Preview) -> dict[str, Any]:
    row, then, now = found.session, found.then, found.now
    revealed = reveals_session(caller, session_id=row.pk, started_user=row.started_user)
    mask, hiding = mask_of_session(row.pk)
    messages = covered(now.messages, mask, hiding)[1:] if revealed else ()
    rows = [shown(message, place) for place, message in enumerate(messages, 2)]
    return {
        "ref": row.ref,
        "url": f"{reverse('session-replay', args=[row.ref])}?turn={now.turn}",
        "turn": now.turn,
        "version": then.prompt_version.rpartition(" ")[2],
        "facts": [
            {"label": "Context, without tools", "value": f"{grouped(now.tokens)} tokens"},
            {"label": "Then", "value": f"{grouped(then.tokens)} tokens"},
            {
                "label": "Room",
                "value": f"{grouped(now.room)} tokens",
                "title": "What the agent’s limit and the model’s window leave",
            },
            {"label": "Model", "value": now.model},
            *([{"label": "It reads", "value": f"{grouped(now.window)} tokens"}] if now.window else []),
        ],
        "diff": line_diff(str(then.messages[0]["content"]), str(now.messages[0]["content"])),
        "same": then.messages[1:] == now.messages[1:],
        "omitted": now.omitted,
        "omitted_then": then.omitted,
        "missing": now.missing,
        "count": len(now.messages) - 1,
        "left": max(0, len(rows) - MOST),
        "messages": rows[-MOST:],
        "hidden": not revealed,
        "reads": (row.ref,) if revealed and row.started_user != caller.user_id else (),
    }
