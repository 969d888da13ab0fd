"""Which process of `pytest -n 2` this is: two must not use the same ports at once."""

import os
from typing import TypeVar

T = TypeVar("T")


def one_of(first: T, second: T) -> T:
    """The first for a run in one process and for the first of two, the second for the other."""
    return second if os.environ.get("PYTEST_XDIST_WORKER") == "gw1" else first
