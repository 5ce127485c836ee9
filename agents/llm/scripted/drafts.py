"""PURE: the texts that the researcher writes into calls: messages, notes, files."""

from __future__ import annotations

import re

from agents.llm.scripted.actions import Action
from agents.llm.scripted.conversation import Exchange, strings
from agents.llm.scripted.library import Source, hits
from agents.llm.scripted.outcomes import outcome_of
from agents.llm.scripted.words import sentence_case, shape_of, shorten, stems
from agents.llm.scripted.work import Work

_SIGNATURE = "Kind regards,\nResearch assistant"
_ROLES = frozenset(
    [
        "info",
        "support",
        "office",
        "sales",
        "team",
        "hello",
        "contact",
        "help",
        "ops",
        "admin",
        "all",
        "staff",
        "service",
        "mail",
        "noreply",
        "legal",
    ]
)


def subject(work: Work, action: Action) -> str:
    """Return the headline: the one asked for, else the topic in the person's words."""
    if action.details.get("subject"):
        return str(action.details["subject"])
    if work.subject_words:
        words = work.subject_words.strip(" ?.")
        return shorten(sentence_case(words) + ("?" if shape_of(words) == "question" else ""), 90)
    facts = results(work)
    return f"The result: {shorten(facts[0].rstrip('.'), 80)}" if facts else "A message from the research assistant"


def mail_body(work: Work, action: Action) -> str:
    """Return a whole message: greeting, what was found, signature."""
    to = action.details.get("to") or ()
    return f"{_greeting(to)}\n\n{content(work, action)}\n\n{_SIGNATURE}"


def content(work: Work, action: Action) -> str:
    """Return what there is to say: a given text, else quotes and results; plus what reviewers added."""
    extra = [str(text) for text in action.details.get("extra", ())]
    given = action.details.get("body")
    if given:
        return "\n\n".join([sentence_case(str(given)), *extra])
    short = bool(action.details.get("short"))
    parts = [_quoted(source, work, action, most=1 if short else 3) for source in cited(work)[: 1 if short else 2]]
    parts = [part for part in parts if part] + results(work)
    if parts and work.sources and not short:
        parts.insert(0, _opening(work.subject_words))
    return "\n\n".join([*parts, *extra]) or sentence_case(work.subject_words)


def fresh_results(work: Work) -> list[str]:
    """Return in one sentence each what calculations, people, memory and web searches brought for this request."""
    found = (results_of(exchange) for exchange in work.conversation.open_exchanges)
    return list(dict.fromkeys(text for text in found if text))


def results(work: Work) -> list[str]:
    """Return the fresh results; for a request that only points back, the newest earlier ones."""
    fresh = fresh_results(work)
    if fresh or work.topics or work.sources:
        return fresh
    earlier = [text for text in map(results_of, work.conversation.exchanges[-6:]) if text]
    return list(dict.fromkeys(earlier))


def results_of(exchange: Exchange) -> str:
    """Return the sentence for one result, or nothing where its tool does not bring one."""
    if outcome_of(exchange).kind not in ("done", "dry_run"):
        return ""
    if exchange.name == "calculate":
        return f"{_asked(exchange)} = {value_of(exchange)}."
    if exchange.name == "ask_person":
        return f"Asked “{_asked(exchange)}”, a person answered: “{answer_of(exchange)}”"
    if exchange.name == "recall":
        facts = strings(exchange.data, "value", "text", "fact")
        return "I remember: " + "; ".join(f"“{fact}”" for fact in facts[:3]) if facts else ""
    if exchange.name == "web_search":
        found = hits(exchange)[:3]
        return "On the web I found: " + "; ".join(f"“{hit.title}”" for hit in found) + "." if found else ""
    return ""


def cited(work: Work) -> list[Source]:
    """Return what a text for others may quote: claims from outside only where nothing better is there, or they are meant."""
    about = stems(work.about)
    return [item for item in work.sources if not item.untrusted or stems(item.title) <= about] or work.sources


def value_of(exchange: Exchange) -> str:
    """Return the number that a calculation gave."""
    data = exchange.data
    if isinstance(data, dict):
        for key in ("result", "value", "answer"):
            if isinstance(data.get(key), int | float | str):
                return re.sub(r"(\d)\.0$", r"\1", str(data[key]))
    return exchange.plain[:80]


def answer_of(exchange: Exchange) -> str:
    """Return what a person answered."""
    return next(iter(strings(exchange.data, "answer", "text", "message", "value")), exchange.plain)[:600]


def _asked(exchange: Exchange) -> str:
    return next((str(value) for value in exchange.arguments.values() if isinstance(value, str)), "")


def _quoted(source: Source, work: Work, action: Action, *, most: int) -> str:
    """Return one source's best sentences, without those a reviewer wants left out."""
    lines = source.quotes(work.about, most)
    for words in action.details.get("without", ()):
        unwanted = stems(str(words))
        lines = [line for line in lines if not unwanted or not unwanted <= stems(line)]
    if not lines:
        return ""
    told = "wrote" if source.untrusted else "says"
    return f"“{source.title}” {told}:\n" + "\n".join(f"“{line}”" for line in lines)


def _greeting(to: object) -> str:
    """Greet people by the name in their address; desks and groups without one."""
    names = [str(address).partition("@")[0] for address in to] if isinstance(to, list | tuple) else []
    first = [re.split(r"[._+-]", name)[0] for name in names]
    if names and all(name.isalpha() and len(name) > 1 and name.lower() not in _ROLES for name in first):
        return f"Hello {' and '.join(name.capitalize() for name in first)},"
    return "Hello,"


def _opening(words: str) -> str:
    """Return a first sentence that says what follows."""
    words = words.strip(" ?.")
    lowered = words if words[:2].isupper() else words[:1].lower() + words[1:]
    shape = shape_of(words)
    if shape == "question":
        return f"The question was: {lowered}?"
    if shape == "clause" and lowered.startswith("what"):
        return f"Here is {lowered}."
    return f"Here is what I found about {lowered}." if words else "Here is what I found."
