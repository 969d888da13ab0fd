"""The outside world: a second Asterisk that plays the carrier, the callers and the secretaries' phones."""
