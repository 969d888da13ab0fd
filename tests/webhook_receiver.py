"""A receiver of webhooks on loopback, over HTTP: it answers as it is told, and remembers what it was sent."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

# Nothing here takes longer on any machine, seconds.
HANGS = 60


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> Any:
        return json.loads(self.body)

    def is_signed_by(self, secret: str) -> bool:
        """Whether the convention's own library takes it; raises its error if not."""
        Webhook(secret).verify(self.body, self.headers)
        return True


@dataclass
class Answer:
    """What is answered: `head` after the status, then `body`. While `held` is not set nothing is answered."""

    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    body: Iterator[bytes] | None = None
    held: threading.Event | None = None


class Receiver:
    """`answers` are given one after the other, the last one for ever."""

    def __init__(self, scheme: str) -> None:
        self.scheme = scheme
        self.answers: list[Answer] = [Answer()]
        self.requests: list[Request] = []
        self.heard = threading.Condition()
        self.port = 0

    def url(self, path: str = "/hook") -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}{path}"

    def until(self, check: Callable[[], bool]) -> None:
        """Returns when `check` is true, which it is asked after each request."""
        with self.heard:
            assert self.heard.wait_for(check, HANGS), [one.event for one in self.requests]

    def take(self, request: Request) -> Answer:
        with self.heard:
            self.requests.append(request)
            self.heard.notify_all()
            return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver while the block lasts."""
    receiver = Receiver("https" if tls else "http")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = receiver.take(Request(self.path, headers, body))
            self._give(answer)

        def _give(self, answer: Answer) -> None:
            if answer.held:
                answer.held.wait(HANGS)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if answer.body is None:
                self.send_header("Content-Length", "0")
            self.end_headers()
            for part in answer.body or ():
                self.wfile.write(part)
            self.close_connection = answer.body is not None

        do_GET = do_POST

        def handle(self) -> None:
            with suppress(OSError):  # who asked has hung up
                super().handle()

        def log_message(self, *_: Any) -> None:
            """Nothing is printed."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 64

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
