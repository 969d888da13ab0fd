"""What can be done with a client's ready-made texts: what its secretaries send to callers (docs/service.md rule 8)."""

from pbx_control.domain import checks
from pbx_control.domain.audit import Verb
from pbx_control.services.standing import refuse_cancelled
from pbx_control.services.work import Work
from pbx_control.store import clients, infos

LONGEST = 8000


def add(work: Work, client_id: int, name: str, text: str, asked_by: str = "") -> str:
    """Puts a plain text in force under a name, in place of what stood there; gives the tidied name. The one that
    stands there already is put there again only if somebody else asked for it.

    A name in other capitals is the same name. `asked_by` says who wrote to ask for it. Raises ClientMistake if the
    client has cancelled, or name or text will not do.
    """
    refuse_cancelled(work.conn, client_id)
    name = checks.line(name, "name", longest=60)
    text = checks.paragraph(text, "text", longest=LONGEST, places=None)
    asked_by = checks.line(asked_by, "asked_by", longest=120) if asked_by else ""
    old = infos.standing(work.conn, client_id, name)
    if old and (old.name, old.text) == (name, text) and asked_by in ("", old.asked_by):
        return name
    infos.insert_row(work.conn, client_id, name, work.at, asked_by, text)
    was = {"name": old.name, "text": old.text, "asked_by": old.asked_by} if old else {}
    _note(work, Verb.INFO_CHANGED, client_id, was, {"name": name, "text": text, "asked_by": asked_by})
    return name


def remove(work: Work, client_id: int, name: str, asked_by: str = "") -> str:
    """Takes a text away; its history stays. Gives its name as it was written.

    Raises ClientMistake if there is none of that name.
    """
    asked_by = checks.line(asked_by, "asked_by", longest=120) if asked_by else ""
    old = infos.find(work.conn, client_id, name)
    infos.insert_row(work.conn, client_id, old.name, work.at, asked_by, "", removed=True)
    _note(work, Verb.INFO_REMOVED, client_id, {"name": old.name, "text": old.text}, {})
    return old.name


def _note(work: Work, verb: Verb, client_id: int, old: dict[str, str], new: dict[str, str]) -> None:
    work.note(verb, clients.get(work.conn, client_id).slug, client_id=client_id, old=old, new=new)
