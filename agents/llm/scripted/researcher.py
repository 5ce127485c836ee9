"""PURE: the plausible researcher: search, read, do what was asked with the tool for it, answer with quotes.

Every answer is worked out anew from the conversation in the request, in this order: 1 talk, where
nothing is asked; 2 calls that people named with their arguments; 3 look things up; 4 the actions, one a turn;
5 the report.
"""

from __future__ import annotations

from agents.llm.scripted import drafts, report
from agents.llm.scripted.actions import Action
from agents.llm.scripted.answer import Answer, AnswerCall
from agents.llm.scripted.conversation import Conversation
from agents.llm.scripted.library import Hit, hits, named, ranked
from agents.llm.scripted.orders import obeyed
from agents.llm.scripted.outcomes import outcome_of
from agents.llm.scripted.reasons import reason
from agents.llm.scripted.toolbox import fit, property_for
from agents.llm.scripted.words import keywords, listed
from agents.llm.scripted.work import NEEDS_CONTENT, READ, SEARCH, Step, Work

_MOST_CALLS = 40
_MOST_READ = 2


def answer(conversation: Conversation) -> Answer:
    """Return the next answer of the researcher."""
    work = Work(conversation)
    if work.request.greeting:
        return Answer(report.small_talk(work))
    if len(conversation.open_exchanges) > _MOST_CALLS:
        return Answer(report.final(work, "I stopped here because this took more steps than it should."))
    if (named := obeyed(conversation)) is not None:
        return named
    for topic in work.topics:
        step = _research(work, topic)
        if step is not None:
            return step
    for step_ in work.steps:
        if not step_.settled:
            step = _act(work, step_)
            if step is not None:
                return step
    return Answer(report.final(work))


def _research(work: Work, topic: str) -> Answer | None:
    """Return the next search or reading for a topic; None when it is looked up as far as it can be."""
    if not work.has(SEARCH):
        return None
    found: list[Hit] = []
    for query in _queries(topic):
        exchange = next((item for item in work.searches() if query in item.arguments.values()), None)
        if exchange is None:
            text = (
                f"I will look in the library for “{query}”."
                if query == _queries(topic)[0]
                else f"That found nothing, so I will search more widely for “{query}”."
            )
            return Answer(text, (_call(work, SEARCH, query=query),))
        if outcome_of(exchange).kind != "done":
            return None
        found = ranked(hits(exchange), topic)
        if found:
            break
    return _read(work, found[:_MOST_READ])


def _queries(topic: str) -> list[str]:
    """Return what to search for, from the narrowest to the widest."""
    words = keywords(topic)[:6]
    queries = [" ".join(words), " OR ".join(words), max(words, key=len, default="")]
    return [query for query in dict.fromkeys(queries) if query]


def _read(work: Work, found: list[Hit]) -> Answer | None:
    """Read those hits that were not read before."""
    if not work.has(READ):
        return None
    asked = {
        str(value).casefold()
        for exchange in work.conversation.exchanges
        if exchange.name == READ
        for value in exchange.arguments.values()
    }
    unread = [hit for hit in found if not asked & hit.names()]
    if not unread:
        return None
    titles = listed([f"“{hit.title}”" for hit in unread])
    one = len(unread) == 1
    text = f"{titles} {'looks' if one else 'look'} most relevant; I will read {'it' if one else 'both'} before I go on."
    wanted = property_for(work.conversation.tools[READ], "document")
    return Answer(text, tuple(_call(work, READ, document=hit.reference(wanted)) for hit in unread))


def _act(work: Work, step: Step) -> Answer | None:
    """Return the call for an action, or None where it cannot be made (the report says why)."""
    action = step.revised
    if not work.has(action.tool):
        return None
    if action.tool in ("delete_document", "summarise_document"):
        return _about_document(work, step)
    if action.tool in NEEDS_CONTENT and not _content_known(work, action):
        return None
    wanted = dict(action.details)
    if action.tool in ("send_email", "draft_message"):
        wanted |= {"subject": drafts.subject(work, action), "body": drafts.mail_body(work, action)}
    elif action.tool == "publish_note":
        wanted |= {"subject": drafts.subject(work, action), "body": drafts.content(work, action)}
    elif action.tool == "write_file":
        wanted |= {"body": f"{drafts.subject(work, action)}\n\n{drafts.content(work, action)}\n"}
    for style in ("short", "extra", "without", "after_reading"):
        wanted.pop(style, None)
    return Answer(reason(work, step), (_call(work, action.tool, **wanted),))


def _content_known(work: Work, action: Action) -> bool:
    return bool(action.details.get("body") or work.sources or drafts.results(work) or action.details.get("extra"))


def _about_document(work: Work, step: Step) -> Answer | None:
    """Find the one document that a name means, then call the tool with it."""
    title = str(step.revised.details["document"])
    meant = meant_documents(work, title)
    if meant is None:
        return Answer(
            f"I need to find the document “{title}” first.", (_call(work, SEARCH, query=" ".join(keywords(title)) or title),)
        )
    if len(meant) != 1:
        return None
    tool = work.conversation.tools[step.action.tool]
    document = meant[0].reference(property_for(tool, "document"))
    return Answer(reason(work, step, document=meant[0].title), (_call(work, step.action.tool, document=document),))


def meant_documents(work: Work, title: str) -> list[Hit] | None:
    """Return the documents that a name may mean among those found so far; None before any search for it."""
    wanted = " ".join(keywords(title)) or title
    for exchange in work.searches():
        found = named(hits(exchange), title)
        if found or wanted in exchange.arguments.values():
            return found
    return None if work.has(SEARCH) else [Hit(title, "", {"title": title})]


def _call(work: Work, tool: str, **wanted: object) -> AnswerCall:
    return fit(work.conversation.tools[tool], wanted)
