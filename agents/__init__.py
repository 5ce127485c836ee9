"""What agents do: sessions, worker, runner, gate, tools, llm, guardrails, prompts."""
