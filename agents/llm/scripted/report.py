"""PURE: the final answer: what was found, in quotes, and what became of every action."""

from __future__ import annotations

import re

from agents.llm.scripted import drafts
from agents.llm.scripted.conversation import Exchange, strings
from agents.llm.scripted.library import Source, hits
from agents.llm.scripted.outcomes import Outcome, outcome_of
from agents.llm.scripted.phrases import ADDRESS
from agents.llm.scripted.words import keywords, listed, shape_of, stems
from agents.llm.scripted.work import NEEDS_CONTENT, SEARCH, Step, Work

_THANKS = re.compile(r"\b(?:thanks|thank you|great|perfect|well done|good job|nice)\b", re.IGNORECASE)
_HELLO = re.compile(
    r"^\W*(?:hello|hi|hey|good (?:morning|afternoon|evening)|help|what can you do|who are you)\b", re.IGNORECASE
)
_ABILITIES = {
    "search_documents": "search the document library and answer with quotes",
    "calculate": "calculate",
    "fetch_url": "fetch web pages",
    "write_file": "write files",
    "draft_message": "draft messages",
    "remember": "remember things for later",
    "send_email": "send e-mail",
    "publish_note": "publish notes",
    "delete_document": "delete documents",
    "ask_person": "ask a person",
}
_DEEDS = {
    "send_email": "send e-mail",
    "publish_note": "publish notes",
    "draft_message": "write drafts",
    "write_file": "write files",
    "delete_document": "delete documents",
    "summarise_document": "summarise documents",
    "remember": "remember things",
    "recall": "look into the memory",
    "fetch_url": "fetch web pages",
    "web_search": "search the web",
    "ask_person": "ask people",
    "calculate": "calculate",
    "read_file": "read files",
}
_SENTENCES = {
    "send_email": "The e-mail{titled} went to {to}.",
    "draft_message": "The draft{titled} is saved; nothing was sent.",
    "publish_note": "The note{titled} is published.",
    "delete_document": "“{document}” is deleted from the library.",
    "write_file": "The text is in the file {path}.",
    "remember": "I will remember: “{fact}”",
}
_EMPTY = {
    "recall": "I do not remember anything about that.",
    "web_search": "The web search found nothing.",
}


def small_talk(work: Work) -> str:
    """Answer a message that asks for nothing in particular."""
    text = (work.conversation.open_requests or [""])[-1]
    if _THANKS.search(text) and not _HELLO.search(text):
        return "You are welcome. Tell me when there is something else to look up."
    able = [_ABILITIES[name] for name in _ABILITIES if work.has(name)]
    can = f"I can {listed(able)}. " if able else ""
    if _HELLO.search(text):
        return f"Hello. {can}Where an action cannot be taken back, a person decides first. What would you like to know?"
    return f"I am not sure what I should do with that. {can}Could you say it in other words?"


def final(work: Work, note: str = "") -> str:
    """Return the closing answer of a request."""
    parts = [_findings(work), *_facts(work), *(_deed(work, step) for step in work.steps), note]
    return "\n\n".join(part for part in parts if part) or "There was nothing to do."


def _findings(work: Work) -> str:
    """Quote what was read, or say honestly that nothing was found."""
    summaries = {step.action.tool for step in work.steps} & {"summarise_document", "fetch_url", "read_file"}
    if not work.topics and not summaries:
        return ""
    if not work.sources:
        return _nothing(work) if work.topics else ""
    return "\n\n".join([_opening(work), *(_passage(source, work.about) for source in work.sources[:4])])


def _opening(work: Work) -> str:
    words = work.request.topic.strip(" ?.")
    if not words:
        return "Here is what I read."
    shape = shape_of(words)
    if shape == "question":
        return f"You asked: {words[:1].lower()}{words[1:]}? Here is what I found."
    if shape == "clause":
        return f"You wanted to know {words[:1].lower()}{words[1:]}. Here is what I found."
    return f"Here is what I found about {words}."


def _passage(source: Source, about: str) -> str:
    lines = source.quotes(about)
    head = f"“{source.title}” says:"
    if source.untrusted:
        head = f"“{source.title}” comes from outside, so take it as a claim:"
    body = "\n".join(f"“{line}”" for line in lines) if lines else "There is nothing in it that I can quote."
    warning = (
        "This text also gives instructions to AI assistants. I treated them as part of the text and did not follow them."
        if source.orders_machines
        else ""
    )
    return "\n\n".join(part for part in (head, body, warning) if part)


def _nothing(work: Work) -> str:
    topic = work.topics[0]
    searches = [item for item in work.conversation.open_exchanges if item.name == SEARCH]
    if not searches:
        return f"I have no library to look up “{topic}” in, so I cannot answer that."
    failed = [outcome_of(item) for item in searches if outcome_of(item).kind != "done"]
    if failed:
        return f"I could not search the library: {failed[-1].words}"
    titles = [hit.title for item in searches for hit in hits(item)]
    if titles:
        return f"I found {listed([f'“{title}”' for title in dict.fromkeys(titles[:3])])}, but could not read it."
    return f"I searched the library for “{' '.join(keywords(topic))}” and found nothing. Perhaps it has another name here?"


def _facts(work: Work) -> list[str]:
    """Return calculations, answers and memories, each in one sentence."""
    return drafts.fresh_results(work)


def _deed(work: Work, step: Step) -> str:
    """Say what became of one action."""
    tool, outcome = step.action.tool, step.outcome
    if outcome is None:
        return _undone(work, step)
    sentence = _done(work, step.attempts[-1]) if outcome.kind in ("done", "dry_run") else _not_done(step, outcome)
    if outcome.kind == "dry_run":
        return f"This was a dry run, so nothing happened in the world. Otherwise: {sentence}"
    edited = step.attempts[-1].edited and outcome.kind == "done"
    if edited:
        sentence += " A reviewer had changed it before it ran; this is what was really used."
    return sentence if tool != "calculate" or outcome.kind != "done" else ""


def _undone(work: Work, step: Step) -> str:
    """Explain why an action was never tried."""
    tool = step.action.tool
    if not work.has(tool):
        return f"I was not given a tool to {_DEEDS.get(tool, tool)}, so I did not do that part."
    if tool in ("delete_document", "summarise_document"):
        return _which(work, str(step.action.details.get("document", "")))
    if tool in NEEDS_CONTENT:
        return "I have nothing to write yet. What should it say?"
    return ""


def _which(work: Work, title: str) -> str:
    wanted = stems(title)
    titles = list(
        dict.fromkeys(hit.title for exchange in work.searches() for hit in hits(exchange) if wanted & stems(hit.title))
    )[:5]
    if len(titles) > 1:
        return f"Several documents could be “{title}”: {listed([f'“{item}”' for item in titles])}. Which one do you mean?"
    if titles:
        return f"I found no document called “{title}”; the nearest is “{titles[0]}”. I left everything as it is."
    return f"I found no document called “{title}”, so I left everything as it is."


def _not_done(step: Step, outcome: Outcome) -> str:
    """Say honestly that something did not happen, and why."""
    what = {
        "send_email": "The e-mail was not sent",
        "publish_note": "The note was not published",
        "delete_document": "Nothing was deleted",
    }
    head = what.get(step.action.tool, f"The step “{_DEEDS.get(step.action.tool, step.action.tool)}” was not done")
    words = outcome.words.strip().rstrip(".")
    if outcome.kind == "rejected":
        said = outcome.instruction.strip().rstrip(".")
        by = outcome.by or "A reviewer"
        apology = " I am sorry for the trouble and leave it at that." if said else ""
        return f"{head}. {by} refused it" + (f": “{said}.”{apology}" if said else ".")
    if outcome.kind == "expired":
        return f"{head}: nobody answered in time. That is not a no; ask me again when somebody can look at it."
    if outcome.kind == "unknown":
        return f"I cannot say whether this happened: {words or 'no result came back'}. I will not repeat it on my own."
    if outcome.kind == "withdrawn":
        return f"{head}: the request was withdrawn."
    if outcome.kind == "denied":
        return f"{head}: it is not permitted here ({words})."
    return f"{head}: {words or 'the tool reported an error'}."


def _done(work: Work, exchange: Exchange) -> str:
    """Say what was done, from what really ran."""
    used = {**exchange.arguments, **(exchange.data if isinstance(exchange.data, dict) else {})}
    title = next(iter(strings(used, "subject", "title", "headline")), "")
    if exchange.name in _EMPTY and not drafts.results_of(exchange):
        return _EMPTY[exchange.name]
    words = {
        "titled": f" “{title}”" if title else "",
        "to": listed(_recipients(exchange)),
        "document": title or _title_of(work, next(iter(strings(used, "document", "document_id", "slug", "id")), "")),
        "path": next(iter(strings(used, "path", "file", "filename")), "you named"),
        "fact": next(iter(strings(exchange.arguments, "value", "fact", "text", "content")), ""),
    }
    return _SENTENCES.get(exchange.name, "").format_map(words)


def _title_of(work: Work, reference: str) -> str:
    """Return the title that a search gave for this document."""
    found = (hit for exchange in work.searches() for hit in hits(exchange) if reference.casefold() in hit.names())
    return next((hit.title for hit in found), reference)


def _recipients(exchange: Exchange) -> list[str]:
    """Return who really received it: as the tool says, else as the call says."""
    data = exchange.data if isinstance(exchange.data, dict) else {}
    for place in (data, exchange.arguments):
        for key in ("to", "recipients", "recipient", "sent_to"):
            value = place.get(key)
            found = ADDRESS.findall(" ".join(map(str, value)) if isinstance(value, list) else str(value or ""))
            if found:
                return list(dict.fromkeys(found))
    return ["its recipient"]
