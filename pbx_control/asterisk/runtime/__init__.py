"""Runs a real Asterisk: the system's own, one in a container, or one in a Debian root file system of ours.

switch = choose(home, settings)     # which one `[asterisk] runtime` asks for
switch.start(); switch.command("core show channels"); switch.stop()
sandbox(folder).start()             # a second one with a configuration written by hand
"""

from pbx_control.asterisk.runtime.instance import Instance
from pbx_control.asterisk.runtime.lifecycle import Runtime, Status, choose, sandbox

__all__ = ["Instance", "Runtime", "Status", "choose", "sandbox"]
