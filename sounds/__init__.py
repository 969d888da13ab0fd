"""The texts that callers hear, one module for each language: data only; media/prompts.py makes audio of them."""
