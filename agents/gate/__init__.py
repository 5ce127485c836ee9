"""The one door to effects. Calls come in as the model wrote them and leave it run, refused, or put before people.

In the order of a call's life:
`submit`   offers tools to the model; checks and judges what it planned; puts risky calls up to people
`request`  how a call is put before people
`intent`   just before a call runs: digest and policy once more, the approval consumed, the intent written
`effect`   runs the call and says how it ended; nobody else runs a tool
`decide`   what people say of a request, and how the session goes on
`sweep`    what time does: requests run out, sessions expire
`words`    what the model reads when a call was not simply run
"""

from agents.gate.decide import answer, undo, weighed

__all__ = ["answer", "undo", "weighed"]
