"""Re-runs: a session that was, played again in memory against another version of its prompt or another model (LOOP-16).

`reruns`  starting one, cancelling it, reading it
`work`    playing it in the background, under a lease
`sides`   what was done then beside what is done now
"""
