"""A change by one of a client's people, for his own firm."""

from collections.abc import Callable
from typing import TypeVar

from anyio.to_thread import run_sync
from starlette.requests import Request

from pbx_control import clock
from pbx_control.services.tenant import actor_of
from pbx_control.services.work import Work, changing
from pbx_control.web.site import person_of, site_of

Done = TypeVar("Done")


async def changed(request: Request, do: Callable[[Work, int], Done]) -> Done:
    """What `do` gives, in one transaction, given that and his client's id. Raises what `do` does; StoreUnavailable."""
    site, person = site_of(request), person_of(request)
    client_id = person.client_id
    assert client_id is not None  # who has that role has a client
    actor = actor_of(person, request.client.host if request.client else "")

    def within() -> Done:
        done: list[Done] = []
        with changing(site.engine, actor, clock.now()) as work:
            done.append(do(work, client_id))
        return done[0]

    return await run_sync(within)
