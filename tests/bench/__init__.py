"""What the product costs, measured in one run beside the bare loop that people write: `make bench`.

Prints JSON lines. The work of one session: four model calls, three tool calls, one approval; the scripted model
answers at once with fixed bodies. Ratios are of figures of the same run, on a PostgreSQL with fsync.
"""
