"""PURE: the sentence beside a call: why the researcher makes it. A reviewer reads it on the approval page."""

from __future__ import annotations

from agents.llm.scripted import drafts
from agents.llm.scripted.outcomes import outcome_of
from agents.llm.scripted.words import listed
from agents.llm.scripted.work import Step, Work


def reason(work: Work, step: Step, *, document: str = "") -> str:
    """Return why this call is made now."""
    if step.attempts:
        return _revision(step)
    details = step.revised.details
    to = listed([str(item) for item in details.get("to") or ()]) if details.get("to") else "the reader"
    sources = listed([f"“{source.title}”" for source in drafts.cited(work)[:2]]) if work.sources else ""
    facts = (
        " It carries the result that I was given." if drafts.results(work) and not sources else " The text is as you gave it."
    )
    based = f" It quotes {sources} word for word." if sources and not details.get("body") else facts
    reasons = {
        "send_email": f"You asked me to e-mail this to {to}.{based} Please check the recipient and the text before it leaves.",
        "publish_note": f"You asked me to publish a note.{based} Everyone who reads the notes will see it.",
        "draft_message": f"You asked for a draft to {to}.{based} It is only kept as a draft; nothing is sent.",
        "write_file": f"You asked me to write this to the file {details.get('path', '')}.{based}",
        "delete_document": f"You asked me to delete “{document}”. This cannot be undone, so please look twice.",
        "summarise_document": f"You asked for a summary of “{document}”.",
        "remember": "You asked me to remember this, so I will save it for later sessions.",
        "recall": "I will look up what I was asked to remember about this.",
        "fetch_url": f"You named the address {details.get('url', '')}, so I will fetch that page.",
        "web_search": f"You asked me to search the web for “{details.get('query', '')}”.",
        "ask_person": "You asked me to put this to a person rather than to decide it myself.",
        "calculate": f"I will calculate {details.get('expression', '')} with the calculator rather than in my head.",
        "read_file": f"I will read the file {details.get('path', '')}.",
    }
    return reasons.get(step.action.tool, f"I will use {step.action.tool} for this.")


def _revision(step: Step) -> str:
    """After a rejection: repeat the reviewer's words and say what is different now."""
    outcome = outcome_of(step.attempts[-1])
    before, now = step.previous.details, step.revised.details
    changes = []
    if now.get("to") != before.get("to"):
        changes.append("it goes to " + listed([str(item) for item in now["to"]]))
    if now.get("short") != before.get("short"):
        changes.append("it is shorter")
    if now.get("subject") != before.get("subject"):
        changes.append(f"its subject is “{now.get('subject')}”")
    if now.get("path") != before.get("path"):
        changes.append(f"it goes to the file {now.get('path')}")
    if now.get("extra") != before.get("extra"):
        changes.append("it has the sentence that was asked for")
    if now.get("without") != before.get("without"):
        changes.append("the part that was not wanted is left out")
    if now.get("after_reading") != before.get("after_reading"):
        changes.append(f"I read about {now['after_reading']} first")
    return (
        f"{outcome.by} refused the last version: “{outcome.instruction}” In this one {listed(changes or ['I followed that'])}."
    )
