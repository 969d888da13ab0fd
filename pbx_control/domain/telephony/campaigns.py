"""Callers who show that they make mass calls."""

# What mass and automated calls must show in Chile (Subtel, Resolución Exenta 286 of 2025).
CAMPAIGN = "+56809"


def is_campaign(number: str) -> bool:
    """Whether a caller shows that he makes mass calls. A number that was blocked or tested by name goes before that."""
    return number.startswith(CAMPAIGN)
