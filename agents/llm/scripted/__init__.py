"""A scripted language model behind the real OpenAI HTTP protocol.

It runs as a process of its own (`python -m agents.llm.scripted`), sees nothing but the request,
and keeps no conversation: the same request gets the same answer. The demo, the tests and the
benchmark use it; any OpenAI-compatible server works in its place.
"""
