"""Python's garbage collector in processes that serve for long."""

import gc

# Python looks for garbage among the newest objects after so many of them, by default 700: several times in a call.
NEWEST_OBJECTS = 10_000


def spare_what_stays() -> None:
    """Spares the collector what is there now, mostly modules, which stay anyhow: a full collection halts everybody for
    50 ms of CPU with them, for 1 ms without. May be called again, when more has been imported."""
    gc.freeze()
    gc.set_threshold(NEWEST_OBJECTS)
