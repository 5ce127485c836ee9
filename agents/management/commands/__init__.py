"""Commands of the agents floor."""
