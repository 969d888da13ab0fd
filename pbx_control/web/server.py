"""Serving the pages: the socket, TLS, and an end that is soon and in good order."""

import errno
import os
import resource
import socket
import ssl
import threading
from types import FrameType

import structlog
import uvicorn

from pbx_control.errors import ClientMistake, reason
from pbx_control.files import lock_shared
from pbx_control.garbage import spare_what_stays
from pbx_control.offspring import end_with_daemon
from pbx_control.settings import Home, Settings, Web
from pbx_control.store.engine import open_engine
from pbx_control.web import connections
from pbx_control.web.app import make_app
from pbx_control.web.desk.telephone import LONGEST_MESSAGE
from pbx_control.web.guard import Guard

log = structlog.get_logger()

# How long open requests may go on after SIGTERM, seconds; open streams end at once.
GOODBYE = 3
# How often a child of the daemon looks whether the port is free, seconds.
LOOK_AGAIN = 1.0
BACKLOG = 256
# So long an idle connection is kept, seconds: longer than proxies keep theirs, so that none writes into a closed one.
KEEP_ALIVE = 75
# A page that has a telephone is asked so often whether it is there, seconds, and answers by then.
PING_EVERY = 5.0
# Calls come first where cores are scarce (nice(2)).
LESS_URGENT = 5


def serve(home: Home, settings: Settings, *, child: bool) -> None:
    """Serves the pages until SIGTERM or SIGINT; as the daemon's child, also until its standard input ends.

    Raises ClientMistake if the settings, the port or the certificate do not allow it. A child waits for its port.
    """
    settings.web.require_safe()
    _require_certificate(settings.web)
    os.nice(LESS_URGENT)
    if child:
        end_with_daemon(GOODBYE + 2)
    _open_more_files()
    listening = _bound(settings.web, wait=child)
    serving = lock_shared(home.pages_lock)  # no restore meanwhile: we would go on reading what it replaces
    engine = open_engine(home, settings)
    app = make_app(home, settings, engine)
    spare_what_stays()
    log.info("the pages are served", bind=settings.web.bind, url=settings.web.url)
    try:
        _Server(configured(app, settings.web), app).run([listening])
    finally:
        serving.close()
        engine.dispose()


def _open_more_files() -> None:
    """The usual limit is soon reached by connections whose TLS has not begun, which no limit of ours counts; then not
    even the database can be opened."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class _Server(uvicorn.Server):
    """uvicorn, which tells open streams that it ends."""

    def __init__(self, config: uvicorn.Config, app: Guard) -> None:
        super().__init__(config)
        self._stopping = app.site.stopping

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._stopping.set()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._stopping.set()
        await super().shutdown(sockets)


def configured(app: Guard, web: Web) -> uvicorn.Config:
    """How uvicorn is to serve the pages."""
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=connections.Connection,
        ws="websockets-sansio",
        ws_max_size=LONGEST_MESSAGE,
        ws_ping_interval=PING_EVERY,
        ws_ping_timeout=PING_EVERY,
        ws_per_message_deflate=False,
        lifespan="on",
        interface="asgi3",
        # Only a proxy on this machine is believed who asks, and only where one is meant to be.
        proxy_headers=bool(web.public_url),
        forwarded_allow_ips="127.0.0.0/8,::1",
        server_header=False,
        access_log=False,
        log_config=None,
        log_level="warning",
        limit_concurrency=connections.MOST,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GOODBYE,
        ssl_certfile=web.certificate or None,
        ssl_keyfile=web.key or None,
    )


def _require_certificate(web: Web) -> None:
    if not web.certificate:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(web.certificate, web.key)
    except OSError as error:  # ssl's are OSErrors, too
        raise ClientMistake(
            "the pages cannot be served with {file}: {why}; see certificate and key in [web]",
            file=web.certificate,
            why=reason(error),
        ) from None


def _bound(web: Web, *, wait: bool) -> socket.socket:
    """A socket on the port of [web] bind. Raises ClientMistake if it cannot be had; with `wait`, one that somebody else
    has is waited for, and that is said once."""
    told = False
    while True:
        try:
            return _bind(web)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise ClientMistake(
                    "nothing can listen on {bind}: {why}; correct [web] bind", bind=web.bind, why=reason(error)
                ) from None
            if not wait:
                raise ClientMistake(
                    "{bind} is taken by another process: stop that, or choose another port ([web] bind)", bind=web.bind
                ) from None
        if not told:
            log.warning("the pages wait for their port, which another process has", bind=web.bind)
            told = True
        threading.Event().wait(LOOK_AGAIN)


def _bind(web: Web) -> socket.socket:
    listening = socket.socket(socket.AF_INET6 if ":" in web.address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((web.address, web.port))
        # Here already: without it, two could be bound to the port, and the second would learn it too late.
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening
