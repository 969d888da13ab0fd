"""The office that is written to, as the tests of incoming mail see it."""

from dataclasses import dataclass

from acting import ADMIN
from dovecot_server import Dovecot
from sqlalchemy import Engine
from writing import OURS, Dns

from pbx_control.clock import now
from pbx_control.domain.desk.protocol import Protocol
from pbx_control.domain.notices.messages import Letter
from pbx_control.domain.users import ClientRole, UserRole
from pbx_control.services import clientele, mail_in, users
from pbx_control.services.invitations import Place
from pbx_control.services.users import NewPassword
from pbx_control.services.work import changing
from pbx_control.settings import MailIn
from pbx_control.store import clients, greetings, letters, protocols
from pbx_control.store import mail_in as kept
from pbx_control.store.engine import reading
from pbx_control.store.mail_in import Listed

URL = "https://desk.example.com"
OLD = "Andes, habla {secretary}"


@dataclass
class House:
    """The office, its mailbox, and what became of what was written to it."""

    engine: Engine
    dovecot: Dovecot
    user: str
    dns: Dns

    @property
    def settings(self) -> MailIn:
        return self.dovecot.settings(self.user, address=OURS)

    @property
    def desk(self) -> mail_in.Desk:
        return mail_in.Desk(self.engine, Place("Secretariado Sur", URL), OURS, "sur.example", self.dns)

    def look(self, desk: mail_in.Desk | None = None) -> dict[str, int]:
        """One look into the mailbox; how many mails came to what."""
        values = mail_in.look(self.settings, desk or self.desk, now).values
        return {name: number for name, number in values.items() if number}

    def gets(self, *mails: bytes) -> dict[str, int]:
        """Mails come, and a look is taken."""
        self.dovecot.deliver(self.user, *mails)
        return self.look()

    def add_owner(self, name: str, address: str, slug: str = "andes", role: ClientRole = ClientRole.OWNER) -> None:
        with changing(self.engine, ADMIN, now()) as work:
            theirs = clients.find(work.conn, slug).id
            users.add(
                work, name, UserRole.CLIENT, NewPassword("x", "x"), secretary_id=None, client_id=theirs,
                client_role=role, email=address,
            )  # fmt: skip

    def add_client(self, slug: str, name: str) -> None:
        with changing(self.engine, ADMIN, now()) as work:
            clientele.add(work, slug, name=name)

    def greeting(self, slug: str = "andes") -> str:
        with reading(self.engine) as conn:
            past = greetings.history(conn, clients.find(conn, slug).id)
        return past[0].text if past else ""

    def protocol(self) -> Protocol:
        with reading(self.engine) as conn:
            return protocols.in_force(conn, clients.find(conn, "andes").id).protocol

    def letters(self) -> list[Letter]:
        """What was written to people, the newest first."""
        with reading(self.engine) as conn:
            return [one.letter for one in letters.newest(conn)]

    def entries(self) -> list[Listed]:
        with reading(self.engine) as conn:
            return kept.newest(conn, 100)

    def why(self) -> str:
        """Why the newest mail was refused, or its sender asked."""
        return self.entries()[0].why
