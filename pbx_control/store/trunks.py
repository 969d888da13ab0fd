"""Trunks in the store: the carriers that bring the calls."""

from difflib import get_close_matches
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from pbx_control.catalogue import counted
from pbx_control.domain import checks
from pbx_control.domain.office import Trunk, encryption
from pbx_control.errors import ClientMistake
from pbx_control.store.tables import did, trunk


def find(connection: Connection, name: str) -> Row[Any]:
    """The trunk's row. Raises ClientMistake if there is none."""
    row = connection.execute(select(trunk).where(trunk.c.name == name)).one_or_none()
    if row is None:
        near = get_close_matches(name[:40], names(connection), n=3, cutoff=0.5)
        raise ClientMistake(
            "there is no trunk {name}: there is {near}", name=repr(name[:40]), near=" / ".join(near) or "–"
        )
    return row


def names(connection: Connection) -> list[str]:
    return list(connection.scalars(select(trunk.c.name).order_by(trunk.c.name)))


def add(connection: Connection, new: Trunk) -> int:
    """Keeps a trunk (its id is not looked at) and gives its id. Raises ClientMistake if it makes no sense."""
    values = _checked(new)
    if values["name"] in names(connection):
        raise ClientMistake("there is a trunk {name} already: remove it or choose another name", name=new.name)
    _refuse_shared_addresses(connection, values["match"].split(","))
    return int(connection.execute(insert(trunk).values(**values)).inserted_primary_key[0])


def change(connection: Connection, name: str, **fields: Any) -> None:
    """Changes some of a trunk's fields (of `Trunk`). Raises ClientMistake if it is unknown or makes no sense then."""
    row = find(connection, name)
    if not fields:
        raise ClientMistake("nothing to change was given: name an option, such as --name; --help lists them")
    old = dict(row._mapping) | {"match": tuple(row.match.split(",")), "codecs": tuple(row.codecs.split(","))}
    values = _checked(Trunk(**old | fields))
    _refuse_shared_addresses(connection, values["match"].split(","), but=name)
    connection.execute(update(trunk).where(trunk.c.id == row.id).values(**values))


def remove(connection: Connection, name: str) -> None:
    """Forgets a trunk. Raises ClientMistake while numbers come in by it."""
    row = find(connection, name)
    count = connection.scalar(select(func.count()).select_from(did).where(did.c.trunk_id == row.id))
    if count:
        raise ClientMistake(
            counted(
                "{count} number comes in by the trunk {name}: `did remove` it first",
                "{count} numbers come in by the trunk {name}: `did remove` them first",
                by="count",
            ),
            count=count,
            name=name,
        )
    anywhere = connection.scalar(select(func.count()).select_from(did).where(did.c.trunk_id.is_(None)))
    if anywhere and connection.scalar(select(func.count()).select_from(trunk)) == 1:
        raise ClientMistake(
            counted(
                "{name} is the only trunk, and {count} number comes in by any: add another or `did remove` it first",
                "{name} is the only trunk, and {count} numbers come in by any: add another or `did remove` them first",
                by="count",
            ),
            name=name,
            count=anywhere,
        )
    connection.execute(delete(trunk).where(trunk.c.id == row.id))


def rows(connection: Connection) -> list[dict[str, Any]]:
    """Every trunk with the number of its DIDs, by name; passwords are left out. By its id the switch names it."""
    count = select(func.count()).select_from(did).where(did.c.trunk_id == trunk.c.id).scalar_subquery()
    query = select(trunk, count.label("numbers")).order_by(trunk.c.name)
    return [_shown(dict(row._mapping)) for row in connection.execute(query)]


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """What of a trunk is shown: no password, and whose word its certificate needs instead of the certificates."""
    vouches = ("own" if row["ca"] else "system") if row["verify"] else "nobody"
    facts = {key: value for key, value in row.items() if key not in ("password", "ca", "verify", "srtp")}
    return facts | {
        "match": row["match"].split(","),
        "verified_by": vouches if row["transport"] == "tls" else None,
        "srtp": encryption(row["transport"], row["srtp"]),
    }


def _checked(new: Trunk) -> dict[str, Any]:
    if new.encryption != "off" and new.transport != "tls":
        raise ClientMistake("--srtp {srtp} needs --transport tls: otherwise its keys can be read", srtp=new.srtp)
    if new.ca and not (new.verify and new.transport == "tls"):
        raise ClientMistake("--ca is for a trunk with --transport tls and --verify; `--ca system` takes it away")
    if new.register and not (new.host and new.user and new.password):
        raise ClientMistake("--register needs --host, --user and --password: where and as whom to register")
    if not new.match:
        raise ClientMistake("--match is missing: name the addresses that the carrier sends from")
    return {
        "name": checks.slug(new.name),
        "match": ",".join(checks.addresses(new.match)),
        "host": checks.host(new.host),
        "user": checks.sip_word(new.user, "--user"),
        "password": checks.sip_word(new.password, "--password"),
        "register": new.register,
        "transport": new.transport,
        "verify": new.verify,
        "ca": new.ca,
        "srtp": new.srtp,
        "codecs": ",".join(checks.codecs(",".join(new.codecs))),
        "identity": new.identity,
        "number_format": new.number_format,
        "country": checks.country(new.country),
        "did_from": new.did_from,
        "max_calls": new.max_calls,
        "early_media": new.early_media,
    }


def _refuse_shared_addresses(connection: Connection, wanted: list[str], but: str = "") -> None:
    """Asterisk takes one trunk for an address: a second one with the same would never get a call."""
    for row in connection.execute(select(trunk.c.name, trunk.c.match).where(trunk.c.name != but)):
        shared = set(wanted) & set(row.match.split(","))
        if shared:
            raise ClientMistake(
                "{address} belongs to the trunk {name} already", address=sorted(shared)[0], name=row.name
            )
