"""Exports: entries handed out as a bundle that a stranger can verify, or as a table, made in the background (AUDIT-4)."""
