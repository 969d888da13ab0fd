"""The door of programs: /api/v1, by tokens (docs/api.md)."""
