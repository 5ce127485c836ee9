"""What holds between the rows that people are shown and the log: `agents.agreement.check` asks it of the whole database."""
