"""Publishing while somebody else's Asterisk answers on our AMI port."""

import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pbx_control.asterisk import publish
from pbx_control.domain.office import Office
from pbx_control.settings import AsteriskSettings, Home, Secrets, Settings


class Stranger(socketserver.StreamRequestHandler):
    """An AMI that knows nobody: it refuses each login in Asterisk's words."""

    def handle(self) -> None:
        self.wfile.write(b"Asterisk Call Manager/11.0.0\r\n")
        action_id = next(line for line in self.rfile if line.lower().startswith(b"actionid"))
        self.wfile.write(b"Response: Error\r\n" + action_id + b"Message: Authentication failed\r\n\r\n")


@pytest.fixture
def strangers_port() -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Stranger) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever).start()
        yield server.server_address[1]
        server.shutdown()


def test_a_home_whose_asterisk_does_not_run_publishes_all_the_same(tmp_path: Path, strangers_port: int) -> None:
    home = Home(tmp_path)
    settings = Settings(
        asterisk=AsteriskSettings(runtime="rootfs", ami_port=strangers_port),
        secrets=Secrets(ari_password="a" * 32, ami_password="b" * 32),
    )
    done = publish.publish(home, settings, Office(revision=3))
    assert (done.revision, done.running) == (3, False)
    assert "extensions.conf" in publish.current(home)
