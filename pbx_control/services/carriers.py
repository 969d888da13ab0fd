"""What can be done with trunks: the carriers that bring the calls."""

from typing import Any

from pbx_control.catalogue import counted
from pbx_control.domain import checks
from pbx_control.domain.audit import Verb
from pbx_control.domain.office import Trunk
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services.work import Work, news
from pbx_control.store import trunks
from pbx_control.store.rows import facts


def add(work: Work, new: Trunk) -> int:
    """Keeps a trunk (its id is not looked at) and gives its id. Raises ClientMistake if it makes no sense."""
    values = _checked(new)
    if values["name"] in trunks.names(work.conn):
        raise ClientMistake(
            "there is a trunk {name} already: remove it or choose another name",
            Code.NAME_TAKEN,
            name=new.name,
            field=Field("name"),
        )
    _refuse_shared_addresses(work, values["match"].split(","))
    trunk_id = trunks.insert_row(work.conn, values)
    work.note(Verb.TRUNK_ADDED, values["name"], new=values)
    return trunk_id


def change(work: Work, name: str, **fields: Any) -> None:
    """Changes some of a trunk's fields (of `Trunk`). Raises ClientMistake if it is unknown or makes no sense then."""
    row = trunks.find(work.conn, name)
    if not fields:
        raise ClientMistake("nothing to change was given", Code.NOTHING_TO_CHANGE)
    old = facts(row) | {"match": tuple(row.match.split(",")), "codecs": tuple(row.codecs.split(","))}
    values = _checked(Trunk(**old | fields))
    _refuse_shared_addresses(work, values["match"].split(","), but=name)
    if not (values := news(row, values)):
        return
    trunks.update_row(work.conn, row.id, values)
    work.note(Verb.TRUNK_CHANGED, name, old=row, new=values)


def remove(work: Work, name: str) -> None:
    """Forgets a trunk. Raises ClientMistake while numbers come in by it."""
    row = trunks.find(work.conn, name)
    if count := trunks.numbers_by(work.conn, row.id):
        raise ClientMistake(
            counted(
                "{count} number comes in by the trunk {name}",
                "{count} numbers come in by the trunk {name}",
                by="count",
            ),
            Code.TRUNK_HAS_NUMBERS,
            count=count,
            name=name,
        )
    anywhere = trunks.numbers_by(work.conn, None)
    if anywhere and trunks.names(work.conn) == [name]:
        raise ClientMistake(
            counted(
                "{name} is the only trunk, and {count} number comes in by any",
                "{name} is the only trunk, and {count} numbers come in by any",
                by="count",
            ),
            Code.ONLY_TRUNK,
            name=name,
            count=anywhere,
        )
    trunks.delete_row(work.conn, row.id)
    work.note(Verb.TRUNK_REMOVED, name, old=row)


def _refuse_nonsense(new: Trunk) -> None:
    if new.encryption != "off" and new.transport != "tls":
        raise ClientMistake(
            "{field} {srtp} needs {transport} tls: otherwise its keys can be read",
            Code.FIELDS_DISAGREE,
            field=Field("srtp"),
            srtp=new.srtp,
            transport=Field("transport"),
        )
    if new.ca and not (new.verify and new.transport == "tls"):
        raise ClientMistake(
            "{field} is for a trunk with {transport} tls and {verify}",
            Code.CA_WITHOUT_TLS,
            field=Field("ca"),
            transport=Field("transport"),
            verify=Field("verify"),
        )
    if new.register and not (new.host and new.user and new.password):
        raise ClientMistake(
            "{field} needs {host}, {user} and {password}: where and as whom to register",
            Code.FIELDS_DISAGREE,
            field=Field("register"),
            host=Field("host"),
            user=Field("user"),
            password=Field("password"),
        )
    if not new.match:
        raise ClientMistake(
            "{field} is missing: name the addresses that the carrier sends from", Code.EMPTY_VALUE, field=Field("match")
        )


def _checked(new: Trunk) -> dict[str, Any]:
    _refuse_nonsense(new)
    return {
        "name": checks.slug(new.name),
        "match": ",".join(checks.addresses(new.match)),
        "host": checks.host(new.host),
        "user": checks.sip_word(new.user, "user"),
        "password": checks.sip_word(new.password, "password"),
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


def _refuse_shared_addresses(work: Work, wanted: list[str], but: str = "") -> None:
    """Asterisk takes one trunk for an address: a second one with the same would never get a call."""
    for name, match in trunks.addresses(work.conn, but).items():
        if shared := set(wanted) & set(match):
            raise ClientMistake(
                "{address} belongs to the trunk {name} already",
                Code.TAKEN,
                address=min(shared),
                name=name,
                field=Field("match"),
            )
