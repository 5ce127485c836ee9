"""Reaching people who are not looking: what they are told of, the outbox, and how it leaves."""
