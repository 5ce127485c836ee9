"""Behaviours of the agents floor."""
