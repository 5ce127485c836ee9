"""One machine: the embedded PostgreSQL, the supervisor of the processes, and what they need around them."""
