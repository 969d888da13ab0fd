"""How the processes of `pytest -n --dist loadscope` share out the tests: by modules, the longest first, then singly."""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

# Each sets up an installation of its own, and takes minutes.
LONG = ("test_chaos", "test_same_stories", "test_options", "test_fallback", "test_journeys", "test_bench")
# These need only what each process has once: any process may take any of their tests, and none has a module's rest left
# when the others have finished.
SINGLE = ("test_transfers", "test_recovery", "test_calls", "test_without_daemon", "test_counted", "test_quota_calls")


class Shares(LoadScopeScheduling):
    """Gives out the tests in the order in which they were collected."""

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return nodeid if module.endswith(tuple(f"/{name}.py" for name in SINGLE)) else module


def turn(item: pytest.Item) -> int:
    """What comes first has the lowest: long modules, those that are neither, single tests."""
    order = (*LONG, "", *SINGLE)
    return order.index(item.path.stem if item.path.stem in order else "")
