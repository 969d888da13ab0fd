"""Changes of what callers hear: every new text is spoken first, then the change is done.

A change is rehearsed to learn what will have to be spoken, so that no call ever meets a sound that is not there, and
the database is not locked while a voice speaks.
"""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Engine

from pbx_control.domain.audit import Actor
from pbx_control.domain.office import Client
from pbx_control.services.work import Work, changing, rehearsed
from pbx_control.settings import Home
from pbx_control.store.snapshot import read_client

T = TypeVar("T")


def change_heard(home: Home, engine: Engine, actor: Actor, at: datetime, slug: str, act: Callable[[Work], T]) -> T:
    """Does a change of what this client's callers hear, in one transaction; gives what `act` gives.

    Raises ClientMistake as `act` does, and if no voice can speak.
    """
    speak(home, as_it_would_be(engine, actor, at, slug, act))
    with changing(engine, actor, at) as work:
        return act(work)


def as_it_would_be(engine: Engine, actor: Actor, at: datetime, slug: str, act: Callable[[Work], object]) -> Client:
    """The client after that change, which is not done."""

    def changed(work: Work) -> Client:
        act(work)
        return read_client(work.conn, slug, at)

    return rehearsed(engine, actor, at, changed)


def speak(home: Home, client: Client) -> None:
    """Makes sure that all that the client's callers may hear is there."""
    # Imported here: commands that change no sounds start without it.
    from pbx_control.media.prompts import ensure_client

    ensure_client(home, client)
