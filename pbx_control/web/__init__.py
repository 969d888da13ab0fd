"""The pages' door: a process of its own that parses, calls services and shows (docs/web.md)."""
