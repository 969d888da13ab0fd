"""Kills the daemon again and again under live calls, and proves that nobody noticed: `python -m tests.chaos`."""
