"""`pbx-control mail`: whether letters get out of here."""

import asyncio

import click

from pbx_control import clock
from pbx_control.admin.door import Door, pass_door
from pbx_control.admin.progress import telling
from pbx_control.admin.provisioning import examples
from pbx_control.domain import checks
from pbx_control.domain.notices.letter_notes import compose_test
from pbx_control.domain.notices.notes import AlarmDesk
from pbx_control.settings import Settings


@click.group()
def mail() -> None:
    """The way of letters out of here, by the mail server in [mail]."""


@mail.command(epilog=examples("mail test gerencia@andes.cl"))
@click.argument("address")
@pass_door
def test(door: Door, address: str) -> None:
    """Sends one letter to ADDRESS at once, and tells what the mail server says to it."""
    # Imported here: what sends mail takes long to load.
    from pbx_control.notify.mail import Mailer

    settings = door.settings
    letter = compose_test(clock.now(), _office(settings, checks.email(address)))
    mailer = Mailer(settings.mail, settings.office.name, door.home)

    async def send() -> None:
        try:
            await mailer.send(letter)
        finally:
            await mailer.rest()

    place = f"{settings.mail.host}:{settings.mail.port}"
    with telling(door) as tell:
        tell("waiting for the mail server")
        asyncio.run(send())
    door.tell(
        "{place} has taken the letter for {address}: look there, among the junk, too", place=place, address=address
    )


def _office(settings: Settings, address: str) -> AlarmDesk:
    return AlarmDesk(address, settings.office.language, settings.office.name)
