"""Mails that come in: what they ask for, and what they tell of our own letters. Nothing in them is believed."""
