"""Appointments in clients' calendars (docs/service.md rule 14): when one may begin, and what may become of it."""
