"""The installation on one machine: real processes, real databases."""
