"""How many secretaries are needed when: calls that are expected, and what becomes of their callers."""
