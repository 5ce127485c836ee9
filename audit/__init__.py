"""What happened: entries, chains, the log that pages and programs follow, and the one way to change state."""
