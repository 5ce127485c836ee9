"""Everything about talking to a language model; other parts import `agents.llm.provider` only."""
