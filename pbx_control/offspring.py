"""Worker processes and children of the daemon: none of them outlives it."""

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


def end_with_daemon(grace: float) -> None:
    """Has this process end when the daemon that began it does, however that ends: its end of the pipe is closed then.
    It is told by SIGTERM, and has so many seconds."""

    def watch() -> None:
        while os.read(0, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(grace)
        os._exit(1)

    threading.Thread(target=watch, name="end with the daemon", daemon=True).start()
