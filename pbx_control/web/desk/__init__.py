"""The secretary's page: what it shows, how it hears of changes, and what can be done there."""
