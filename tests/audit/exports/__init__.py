"""Exports of the log."""
