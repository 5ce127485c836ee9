"""The demo: a fictional firm's documents, an agent that works with them, the people who watch it, and their mail."""
