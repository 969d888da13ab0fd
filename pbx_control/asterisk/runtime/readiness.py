"""Whether an Asterisk answers, and what its log says if it does not."""

import re
import urllib.error
import urllib.request

from pbx_control.asterisk.runtime import control
from pbx_control.asterisk.runtime.instance import Instance
from pbx_control.errors import SwitchUnavailable

ERROR_LINE = re.compile(r"\b(ERROR|FATAL|Unable|cannot|failed|denied)\b|^(bwrap|setpriv|docker|podman|sh): ")
LAST_WORDS = re.compile(r"ASTERISK EXITING")  # tells that, not why


def answers(instance: Instance, timeout: float) -> bool:
    """Whether it has fully booted and, where it is to have one, its ARI answers. Waits while it boots (seconds)."""
    try:
        booted = control.ask(instance.control_socket(), "core waitfullybooted", timeout)
    except SwitchUnavailable:
        return False
    return "fully booted" in booted and (instance.http_port is None or ari_answers(instance.http_port))


def ari_answers(port: int) -> bool:
    """Whether ARI answers on that port of loopback, be it only by asking for a password."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/ari/asterisk/ping", timeout=2):
            return True
    except urllib.error.HTTPError as refused:
        return refused.code == 401
    except OSError:
        return False


def last_error(instance: Instance) -> str:
    """The last line that tells of an error, from the log or from its standard output; else where to look."""
    for file in (instance.state / "log" / "messages.log", instance.output):
        lines = file.read_text(errors="replace").splitlines() if file.exists() else []
        errors = [line for line in lines if ERROR_LINE.search(line) and not LAST_WORDS.search(line)]
        if errors:
            return control.ESCAPES.sub("", errors[-1]).strip()
    return f"it said nothing of an error; see {instance.output}"
