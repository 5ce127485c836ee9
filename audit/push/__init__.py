"""Push of entries with their chain link to places outside: by signed webhook or into a file, at least once, in order."""
