"""What the reader of a session that ended can do about it, by the error's code. Pure.

The sentence goes behind the one that says what happened, so that the session's page, the API and the log all carry it.
"""

from collections.abc import Mapping
from typing import Any

from agents.guardrails.budget import LABELS

AGAIN = "then start a new session with the same goal."
REPLAY = "then replay it."
_RAISE = "Start a new session for what is left, or let an admin raise “limits.{name}” of the agent."

ADVICE: Mapping[str, str] = {
    "model_unauthorized": f"Check OPENAI_API_KEY and OPENAI_BASE_URL and restart; {REPLAY}",
    "model_unknown": f"Compare the agent's “model” with what the provider offers, and OPENAI_BASE_URL; {REPLAY}",
    "model_misconfigured": f"Compare the agent's tools and parameters with what the provider takes; {REPLAY}",
    "model_bad_request": f"Say in an instruction what to leave out; {REPLAY}",
    "model_context_overflow": "Start a new session with a shorter goal, or lower “limits.context_tokens” of the agent and replay it.",
    "model_rate_limited": f"Wait, lower WORKER_SESSIONS, or ask the provider for a higher limit; {REPLAY}",
    "breaker_open": f"See at /breakers/ what fails, and mend that; {REPLAY}",
    "model_later": f"See who waits at /limits/; {REPLAY}",
    "rate_wait_too_long": f"See who waits at /limits/; raise the limit, or “retries.longest_wait_s” of the agent; {REPLAY}",
    "model_unavailable": f"Check OPENAI_BASE_URL and wait until the provider answers again; {REPLAY}",
    "model_timeout": f"Raise “model_timeout_s” of the agent, or wait until the provider is faster; {REPLAY}",
    "model_broken_answer": f"If this comes again, try another “model”, or ask whoever runs the provider; {REPLAY}",
    "no_model": f"The page Breakers says what does not answer, and when it is tried again; {REPLAY}",
    "poison": f"The workers' logs at that time say why. Mend that first; {REPLAY}",
    "budget_spent": "Start a new session once the period begins anew, or let an admin raise the budget.",
    "budget_throttled": "Wait, or start a new session of a higher priority.",
    "budget_crowded": "Wait until calls that run have told what they cost, then start a new session.",
    "loop": "Start a new session with a narrower goal that says which document or tool to use.",
    "stuck": "Start a new session with a narrower goal that says which document or tool to use.",
    "session_expired": "Start a new session, or let an admin raise “limits.session_ttl_s” of the agent.",
    **{f"limit_{name}": _RAISE.format(name=name) for name in LABELS},
    "limit_consecutive_errors": f"The timeline says why each call failed. Mend that; {AGAIN}",
    "refused_cost_microusd": "If the rest is still wanted, start a new session for it.",
}
TITLES: Mapping[str, str] = {
    "model_unauthorized": "The model provider refuses this installation",
    "model_unknown": "The model provider does not have the model",
    "model_misconfigured": "The model does not take what the agent is set up with",
    "model_bad_request": "The model provider refused what this session asked",
    "model_context_overflow": "The conversation grew too long for the model",
    "model_rate_limited": "The model provider asked to slow down",
    "breaker_open": "The model's breaker is open",
    "model_later": "The model is asked later",
    "rate_wait_too_long": "No place came free in the rate of the model",
    "model_unavailable": "The model provider could not be reached",
    "model_timeout": "The model did not answer in time",
    "model_broken_answer": "The model's answers could not be read",
    "no_model": "No model could be had",
    "poison": "Kept after its workers failed again and again",
    "budget_spent": "A budget is spent",
    "budget_throttled": "New sessions of this priority wait for a budget",
    "budget_crowded": "What is left of a budget is reserved",
    "loop": "It went in circles",
    "stuck": "It made no progress, and nobody helped it on",
    "session_expired": "Its time to live was over",
    **{f"limit_{name}": f"Limit of {label} reached" for name, label in LABELS.items()},
    "refused_cost_microusd": "Nobody let it spend more",
}


def title(code: str) -> str:
    """Return what happened in a few words; the code itself, written out, where nothing is known."""
    return TITLES.get(code, code.replace("_", " ").capitalize())


def advised(error: Mapping[str, Any]) -> dict[str, Any]:
    """Return the error with what can be done about it behind what happened; as it is where nothing is known."""
    advice = ADVICE.get(error["code"], "")
    return {**error, "detail": f"{error['detail']} {advice}".strip()}
