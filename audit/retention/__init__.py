"""How long raw content is kept: days for each class, holds that keep it longer, and deletions that people asked for (AUDIT-6)."""
