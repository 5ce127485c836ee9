"""Evaluations: suites of cases that say how an agent should behave, and runs of them against versions of its prompt.

`document`  what a case holds: the start of a rehearsal, and what is expected of it
`matching`  arguments against conditions, answers against schemas
`checks`    what a rehearsal did against what was expected of it
`judge`     a model's grade against a rubric
`suites`    making and changing suites and cases
`recorded`  a session, or a request that people decided, as a case
`runs`      starting and cancelling runs, and reading them
`staleness` runs that say nothing any more, and the suites that use a tool
`work`      what plays them in the background, `progress` what that writes
`report`    a run in words, beside the one it is compared with
`files`     suites in a folder, beside the prompts
"""
