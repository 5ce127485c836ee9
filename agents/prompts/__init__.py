"""Prompts: immutable versions and the releases that send traffic to them."""
