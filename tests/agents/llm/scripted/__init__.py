"""The scripted model: what it understands, writes and breaks."""
