"""Worker processes of the daemon: none of them outlives it."""

import os
import signal
import threading
from multiprocessing import parent_process


def end_with_parent() -> None:
    """Has this worker end when its daemon is killed: it would wait for work for ever, once for each kill."""
    parent = parent_process()
    # Ctrl-C goes to the whole terminal; the daemon ends in good order, and this worker with it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        if parent:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, name="end with parent", daemon=True).start()
