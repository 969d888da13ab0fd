"""Everybody's own account: password, second factor, and where he is signed in."""
