"""The demo's canary: a small agent whose prompt has two live versions, by a plan in steps, and the sessions by which they are compared.

All of it is made by the services that people use, and the sessions run like any others in the first minute; the label `demo-canary`
marks them. With a real provider they would cost money, so there the canary waits for sessions of yours.
"""

from django.conf import settings

from agents.prompts.guards import USUAL
from agents.prompts.plans import begin
from agents.prompts.steps import Step, Steps
from agents.prompts.versions import add_version, version_named
from agents.prompts.watching import set_guards
from agents.services import start_session
from audit.actors import Actor

SLUG = "help-desk"
SHARE = 50
SESSIONS = 40
ENOUGH = 10  # sessions of either version, so that the guards say something from the first minute on
LABEL = "demo-canary"
PLAN = Steps(steps=(Step(share=SHARE, wait_s=0, minimum=0), Step(share=100, wait_s=86_400, minimum=200)))
"""More sessions than the demo has by itself: it waits for whoever tries it."""
SHORTER = "\n\nAnswer in at most three sentences, and put the figure that was asked for first."
QUESTIONS = (
    "What do our policies say about refunds?",
    "How long is the warranty of the HX200 balance?",
    "What does the travel policy say about hotels?",
    "Who is on call at the weekend?",
    "How are goods shipped and returned?",
)


def start_canary(actor: Actor, user_id: int) -> None:
    """Give half of the sessions that start to a second version, and start some."""
    first = version_named(SLUG, "1.0.0")
    note = "Shorter answers, the figure first"
    made = add_version(slug=SLUG, text=first.text + SHORTER, actor=actor, user_id=user_id, note=note)
    guards = tuple(one.model_copy(update={"minimum": ENOUGH}) for one in USUAL.guards)
    set_guards(slug=SLUG, guards=USUAL.model_copy(update={"guards": guards}), actor=actor)
    begin(slug=SLUG, version=made.version, steps=PLAN, actor=actor, reason="A canary of the demo, to look at.")
    if settings.SCRIPTED:
        for number in range(SESSIONS):
            goal = QUESTIONS[number % len(QUESTIONS)]
            start_session(actor=actor, person_id=user_id, agent=SLUG, goal=goal, feature=LABEL)
