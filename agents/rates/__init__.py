"""Places in the rates that operators set for models: who waits, whose turn it is, and the toll at the door."""
