"""Talking to language models: the provider, its traps, retries and prices."""
