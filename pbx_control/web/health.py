"""`/healthz`: whether calls are taken and pages served, for whoever watches over the machine."""

import asyncio

from anyio.to_thread import run_sync
from sqlalchemy import Engine, text
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pbx_control.errors import PbxError, StoreUnavailable
from pbx_control.live.listener import daemon_now
from pbx_control.settings import Home
from pbx_control.store.engine import reading
from pbx_control.web.site import Site, site_of

# So long the daemon may take to answer, seconds.
PATIENCE = 1.0
# It is asked anew after so long, seconds: it tells its whole state each time, and anybody may ask for our health.
GOOD_FOR = 1.0
# How a daemon is that is there: it takes calls, or waits for its switch.
READY, WAITING = "ready", "waiting"


async def healthz(request: Request) -> Response:
    """GET /healthz: 200 if calls are taken and pages served: the daemon is ready, its switch and the database are
    there. Else 503, and what is not there."""
    site = site_of(request)
    daemon = await daemon_state(site)
    # The daemon is ready while it is connected to the switch, and no longer.
    switch = {READY: "ok", WAITING: "away"}.get(daemon, "unknown")
    try:
        await run_sync(_ask, site.engine)
        database = "ok"
    except StoreUnavailable:
        database = "away"
    well = daemon == READY and database == "ok"
    told = {"daemon": daemon, "database": database, "switch": switch}
    return JSONResponse(told, 200 if well else 503, None if well else {"Retry-After": "5"})


async def daemon_state(site: Site) -> str:
    """How the daemon is, or was a moment ago. One asks, the others wait for what he hears."""
    health, clock = site.health, asyncio.get_running_loop().time
    async with health.asking:
        if clock() >= health.until:
            health.daemon = await run_sync(_daemon, site.home)
            health.until = clock() + GOOD_FOR
        return health.daemon


def _daemon(home: Home) -> str:
    try:
        return READY if daemon_now(home, PATIENCE).ready else WAITING
    except (PbxError, TimeoutError, OSError):
        return "away"


def _ask(engine: Engine) -> None:
    with reading(engine) as conn:
        conn.execute(text("SELECT 1"))
