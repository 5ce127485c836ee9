"""How people are reached: the outbox, mail and chat, over real servers."""
