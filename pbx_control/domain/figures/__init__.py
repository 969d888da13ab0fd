"""What is counted of the calls: definitions, days, curves (docs/wallboard.md)."""
