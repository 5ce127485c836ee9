"""The REST API, version 1: what programs rely on. The contract and its manners stand in docs/api.md.

One file per noun; `root` puts them together. `endpoint` gives every operation its credential, right and declared
statuses, `errors` holds the one table of statuses. Operations are translators: parse, permission, one service call, answer.
"""
