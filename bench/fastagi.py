"""The FastAGI script that pbx-control is measured against: picks the telephone that has rested longest, and dials it.

The plainest that does the job: it writes nothing down. Run as `python -m bench.fastagi PORT USER…`.
"""

import sys
from collections import deque
from socketserver import StreamRequestHandler, ThreadingTCPServer

ADDRESS = "127.0.0.1"


class Server(ThreadingTCPServer):
    """Serves one call in one thread, as FastAGI frameworks do."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, port: int, users: list[str]) -> None:
        super().__init__((ADDRESS, port), Script)
        self.resting = deque(users)


class Script(StreamRequestHandler):
    """One call: its variables are read, a telephone is dialled, and it is given back when the call is over."""

    server: Server

    def handle(self) -> None:
        while self.rfile.readline().strip():
            pass  # agi_…: the call's variables, up to an empty line
        if not self.server.resting:
            return  # everybody talks: the call ends, and counts as failed
        user = self.server.resting.popleft()
        try:
            self.wfile.write(f"EXEC Dial PJSIP/{user}\n".encode())
            self.rfile.readline()  # comes when the call is over
        finally:
            self.server.resting.append(user)


if __name__ == "__main__":
    with Server(int(sys.argv[1]), sys.argv[2:]) as server:
        server.serve_forever()
