"""The Spanish of every line that the commands say, looked up by its English template.

A test reads the templates out of the source and fails for one that is missing here. Each group of commands has
its own section, so that people who work on different groups do not edit the same lines.
"""

SPANISH: dict[str, str] = {
    # --- common
    "nothing to show": "nada que mostrar",
}
