"""What a client says for today: closed from now, open until then, words that callers hear first; and back to normal."""

from datetime import datetime

from pbx_control.domain.audit import ActorKind, Verb
from pbx_control.domain.opening.overrides import ABOUT_HOURS, Override, OverrideKind, check_end
from pbx_control.domain.sounds import check_text
from pbx_control.services.standing import refuse_cancelled
from pbx_control.services.work import Work
from pbx_control.store import overrides
from pbx_control.store.overrides import Kept

WORDS = frozenset({OverrideKind.ANNOUNCED})


def say(work: Work, client_id: int, kind: OverrideKind, until: datetime, text: str = "") -> Override:
    """From now until that instant it is so; gives it as it is kept. It takes the place of what was said of the same
    before: the last one wins. What is so already is no change.

    Raises ClientMistake if the client has cancelled, for an end that has passed or is too far away, and for a text that
    cannot be spoken.
    """
    slug = refuse_cancelled(work.conn, client_id)
    text = check_text(kind, text) if kind is OverrideKind.ANNOUNCED else ""
    until = check_end(until.replace(microsecond=0), work.at)
    said = Override(kind, work.at, until, text, _by(work))
    instead = ABOUT_HOURS if kind in ABOUT_HOURS else WORDS
    before = _holding(work, client_id, instead)
    if any((one.kind, one.until, one.text) == (kind, until, text) for one in before):
        return said
    _end(work, client_id, instead)
    overrides.insert_row(work.conn, client_id, said)
    old = _facts(before[-1]) if before else {}
    work.note(Verb.TODAY_SAID, slug, client_id=client_id, old=old, new=_facts(said))
    return said


def back_to_normal(work: Work, client_id: int) -> bool:
    """Ends all that a client has said for today; False if there was nothing.

    Raises ClientMistake if it has cancelled.
    """
    slug = refuse_cancelled(work.conn, client_id)
    every = ABOUT_HOURS | WORDS
    before = _holding(work, client_id, every)
    _end(work, client_id, every)
    for one in before:
        work.note(Verb.TODAY_TAKEN_BACK, slug, client_id=client_id, old=_facts(one))
    return bool(before)


def _holding(work: Work, client_id: int, kinds: frozenset[OverrideKind]) -> list[Override]:
    found: list[Kept] = overrides.holding(work.conn, work.at, client_id)
    return [one.override for one in found if one.override.kind in kinds]


def _end(work: Work, client_id: int, kinds: frozenset[OverrideKind]) -> None:
    overrides.end(work.conn, client_id, kinds, work.at, _by(work))


def _by(work: Work) -> str:
    """One of the client's people; "" for the office: who that was is the trail's to say."""
    return work.actor.name if work.actor.kind is ActorKind.USER else ""


def _facts(said: Override) -> dict[str, object]:
    facts: dict[str, object] = {"kind": said.kind.value, "until": said.until}
    return facts | ({"text": said.text} if said.text else {})
