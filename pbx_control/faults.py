"""Fault points: tests have the daemon die at one exact moment of a call. Without PBX_FAULT nothing here does anything.

PBX_FAULT is `phase:point`, e.g. `talking:after_commit`: the daemon kills itself at that point of the first step that
brings a call into that phase. `supervised:point` is a step of a call that a supervisor is in, or is to be in.
"""

import asyncio
import os
import signal
from collections.abc import Iterable

from pbx_control.domain.call.model import Call, Phase

BEFORE_COMMIT = "before_commit"  # decided, and nobody else knows of it
AFTER_COMMIT = "after_commit"  # saved, and not performed
AFTER_PERFORMING = "after_performing"  # saved and sent to the switch, which will answer nobody
SUPERVISED = "supervised"
POINTS = (BEFORE_COMMIT, AFTER_COMMIT, AFTER_PERFORMING)

_phase, _, _point = os.environ.get("PBX_FAULT", "").partition(":")
# Requests leave within the next turns of the event loop, seconds.
SOON = 0.005
# Whoever reaches a fault point asks this first: it costs a live system nothing else.
ARMED = bool(_phase)


def reach(point: str, calls: Iterable[Call]) -> None:
    """Dies here, as by kill -9, if this is the point and one of the calls is in the phase that PBX_FAULT names."""
    if point == _point and any(map(_is_there, calls)):
        os.kill(os.getpid(), signal.SIGKILL)


def _is_there(call: Call) -> bool:
    return call.supervision is not None if _phase == SUPERVISED else call.phase is Phase(_phase)


def reach_soon(point: str, call: Call) -> None:
    """`reach` as soon as the event loop has sent what was commanded to the switch."""
    asyncio.get_running_loop().call_later(SOON, reach, point, [call])
