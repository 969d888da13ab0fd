"""What a secretary writes about a call after its message has gone out, sent as a second letter (rule 9)."""

from pbx_control.domain.audit import Verb
from pbx_control.domain.notices.kinds import About
from pbx_control.domain.notices.notes import Supplement, clean_paragraphs, compose_supplement
from pbx_control.errors import ClientMistake, Code, Field
from pbx_control.services.discretion import discreet
from pbx_control.services.work import Work
from pbx_control.store import call_log, clients, letters, recipients


def write_supplement(work: Work, call_id: str, text: str, office_name: str, url: str = "") -> int:
    """Puts what she writes later into the outbox, one letter for each recipient of the client; gives their number.
    `url`: where browsers reach the portal.

    Each refers to the recipient's first letter about the call (In-Reply-To). The same text again adds nothing.

    Raises ClientMistake if there is no such call, its first message has not been written yet, or the text is empty.
    """
    about = call_log.find(work.conn, call_id)
    if about.ended_at is None and about.handed_over_at is None:
        raise ClientMistake(
            "the call {call} goes on: its first message is still to come", Code.CALL_LASTS, call=about.id
        )
    if not clean_paragraphs(text):
        raise ClientMistake(
            "there is nothing in the supplement: write what the client should know",
            Code.EMPTY_VALUE,
            field=Field("text"),
        )
    client = clients.find(work.conn, about.client)
    added = Supplement(
        call_id=about.id,
        client_id=client.id,
        client_name=client.name,
        language=client.language,
        caller=about.caller,
        caller_name=about.caller_name,
        text=text,
        at=work.at,
    )
    told = letters.first_told(work.conn, about.id)
    people = recipients.of_client(work.conn, client.id, About.CALLS)
    written = [compose_supplement(added, person, office_name, told.get(person, "")) for person in people]
    letters.add(work.conn, discreet(work.conn, client.id, written, office_name, url))
    # What she wrote is in the letter: it may name people.
    work.note(Verb.SUPPLEMENT_WRITTEN, about.id, client_id=client.id, new={"letters": len(people)})
    return len(people)
