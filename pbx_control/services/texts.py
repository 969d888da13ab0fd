"""What can be done with what a client's callers hear: greetings, and announcements in place of the house's own."""

from pbx_control.domain import checks
from pbx_control.domain.audit import Verb
from pbx_control.domain.desk.greeting import PLACES
from pbx_control.domain.office import AnnouncementKind
from pbx_control.domain.sounds import check_text
from pbx_control.errors import ClientMistake, Code
from pbx_control.services.standing import refuse_cancelled
from pbx_control.services.work import Work
from pbx_control.store import announcements, clients, greetings
from pbx_control.store.rows import facts


def write_greeting(work: Work, client_id: int, text: str, asked_by: str = "") -> str:
    """Puts a new greeting in force, and gives its tidied text; `asked_by` says who wrote to ask for it. The one that is
    in force already is put there again only if somebody else asked for it.

    Raises ClientMistake if the client has cancelled, or the text will not do.
    """
    refuse_cancelled(work.conn, client_id)
    text = checks.paragraph(text, "text", places=PLACES)
    asked_by = checks.line(asked_by, "asked_by", longest=120) if asked_by else ""
    past = greetings.history(work.conn, client_id)
    if past and past[0].text == text and asked_by in ("", past[0].asked_by):
        return text
    greetings.insert_row(work.conn, client_id, text, work.at, asked_by)
    old = {"text": past[0].text, "asked_by": past[0].asked_by} if past else {}
    _note(work, Verb.GREETING_CHANGED, client_id, old, {"text": text, "asked_by": asked_by})
    return text


def roll_back_greeting(work: Work, client_id: int, version: int | None = None) -> str:
    """Writes an old text anew, unless it is in force: that version's, or the last one that differs from the present.
    Gives the text.

    Raises ClientMistake if there is no such version.
    """
    past = greetings.history(work.conn, client_id)
    if version is None:
        old = next((row for row in past if row.text != past[0].text), None)
    else:
        old = next((row for row in past if row.version == version), None)
    if old is None:
        raise ClientMistake("there is no such earlier greeting", Code.NO_EARLIER_GREETING)
    asked_by = f"rollback to {old.version}" if old.text != past[0].text else ""
    return write_greeting(work, client_id, old.text, asked_by)


def put_announcement(work: Work, client_id: int, kind: AnnouncementKind, *, text: str = "", audio: str = "") -> None:
    """Keeps a client's own announcement, a text to speak or the name of a converted upload, in place of an old one.

    Raises ClientMistake if the client has cancelled, or for a text that cannot be spoken.
    """
    refuse_cancelled(work.conn, client_id)
    text = text if audio else check_text(kind, text)
    old = announcements.find(work.conn, client_id, kind)
    if old and (old.text, old.audio) == (text, audio):
        return
    announcements.delete_row(work.conn, client_id, kind)
    announcements.insert_row(work.conn, client_id, kind, text, audio)
    was = facts(old) if old else {}
    _note(work, Verb.ANNOUNCEMENT_CHANGED, client_id, was, {"kind": kind.value, "text": text, "audio": audio})


def forget_announcement(work: Work, client_id: int, kind: AnnouncementKind) -> bool:
    """Goes back to the house's own text; False if that was in force."""
    old = announcements.find(work.conn, client_id, kind)
    if old is None:
        return False
    announcements.delete_row(work.conn, client_id, kind)
    _note(work, Verb.ANNOUNCEMENT_RESET, client_id, facts(old), {})
    return True


def _note(work: Work, verb: Verb, client_id: int, old: dict[str, str], new: dict[str, str]) -> None:
    work.note(verb, clients.get(work.conn, client_id).slug, client_id=client_id, old=old, new=new)
