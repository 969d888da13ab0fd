"""`did`: the numbers that can be dialled, and whose they are."""

import click

from pbx_control import clock
from pbx_control.admin.door import Door, pass_door, reading_command
from pbx_control.admin.provisioning import CLIENT, NUMBER, TRUNK, change, examples
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line
from pbx_control.services import numbers as services
from pbx_control.services.numbers import Further
from pbx_control.services.work import Work
from pbx_control.store import clients, dids, trunks
from pbx_control.store.dids import Listed
from pbx_control.store.engine import reading


@click.group()
def did() -> None:
    """The numbers that can be dialled, and whose they are."""


@did.command(epilog=examples("did add +56225550101 +56225550102 --trunk carrier"))
@click.argument("numbers", nargs=-1, required=True, metavar="NUMBER…")
@click.option("--trunk", type=TRUNK, help="The trunk that brings their calls [any].")
@pass_door
def add(door: Door, numbers: tuple[str, ...], trunk: str | None) -> None:
    """Adds numbers, in E.164: all of them or, if one is wrong, none."""

    def act(work: Work) -> list[str]:
        return services.add(work, numbers, trunks.find(work.conn, trunk).id if trunk else None)

    added = ", ".join(change(door, act))
    if trunk:
        door.tell("added: {numbers}", numbers=added)
    else:
        door.tell("added: {numbers}; their calls may come by any trunk", numbers=added)


@did.command(epilog=examples("did assign +56225550101 andes", "did assign +56322555010 andes --main"))
@click.argument("number", type=NUMBER)
@click.argument("slug", metavar="CLIENT", type=CLIENT)
@click.option("--main", is_flag=True, help="Make it the number that contacts see [the first one is].")
@click.option("--resting", is_flag=True, help="Even if it still rests after a release (30 days).")
@pass_door
def assign(door: Door, number: str, slug: str, main: bool, resting: bool) -> None:
    """Gives a free number to a client."""

    def act(work: Work) -> tuple[str, Further | None]:
        client_id = clients.find(work.conn, slug).id
        given = services.assign(work, number, client_id, main=main, resting=resting)
        return given, services.further(work.conn, given, client_id)

    given, further = change(door, act)
    door.tell("{number} is now a number of {slug}", number=given, slug=slug)
    if further:
        _tell_price(door, further)


def _tell_price(door: Door, further: Further) -> None:
    """What the number costs: it is not the only one, which a plan has within."""
    plan, country = clean_line(further.plan, NAME_LIMIT), further.country
    if not plan:
        door.tell("it is a further number, and free while the client has no plan")
    elif further.price is None:
        door.tell(
            "it is a further number, and the plan {plan} has no price for one of {country}: it cannot be invoiced "
            "before the client has a plan with `--did {country}=PESOS`",
            plan=plan,
            country=country,
        )
    elif further.price == 0:
        door.tell("it is a further number, and free by the plan {plan}", plan=plan)
    else:
        price = door.pesos(further.price)
        door.tell("it is a further number: by the plan {plan} it costs {price} net a month", plan=plan, price=price)


@did.command(epilog=examples("did release +56225550101"))
@click.argument("number", type=NUMBER)
@pass_door
def release(door: Door, number: str) -> None:
    """Takes a number from its client. It rests for 30 days before another one gets it."""
    free_from = change(door, lambda work: services.release(work, number))
    door.tell("{number} is released; it rests until {day}", number=number, day=free_from.astimezone(door.zone).date())


@did.command(epilog=examples("did remove +56225550101"))
@click.argument("number", type=NUMBER)
@pass_door
def remove(door: Door, number: str) -> None:
    """Forgets a free number: it goes back to its carrier."""
    door.tell("{number} is removed", number=change(door, lambda work: services.remove(work, number)))


@did.command("list", epilog=examples("did list", "did list --free --area 2"))
@click.option("--free", is_flag=True, help="Only those that can be assigned now.")
@click.option("--area", metavar="CODE", default="", help="Only those of an area: 2, 32, 41 …")
@click.option("--country", metavar="CC", default="", help="Only those of a country: CL, PE, ES …")
@reading_command(["number", "country", "area", "trunk", "client", "main", "free_from"])
def list_(door: Door, free: bool, area: str, country: str) -> list[Listed]:
    """The numbers with country, area, trunk and client."""
    with reading(door.engine) as connection:
        return dids.rows(connection, clock.now(), free=free, area=area, country=country)
