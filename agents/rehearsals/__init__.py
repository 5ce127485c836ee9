"""Rehearsals: an agent's loop in memory, against any version and model, without any effect.

`document`   what a rehearsal begins with and what its tools answer, as it is stored
`records`    which recorded result answers a call
`play`       one rehearsal whole: what goes in, and the transcript that comes out
`recording`  both of a session that was
`opening`    the session that it pretends to be, and how one that was left goes on
`rehearse`   the loop itself
`stage`      what it works with: a door to models with its tolls, the rules of this moment
"""
