"""How the audit trail tells of somebody's account."""

from collections.abc import Mapping

from pbx_control.domain.audit import Actor, ActorKind, Verb
from pbx_control.domain.users import UserRole
from pbx_control.services.work import Work
from pbx_control.store import users
from pbx_control.store.users import User


def actor_of(name: str, role: UserRole, origin: str) -> Actor:
    """Whose deed it is what somebody does who signs in with that name."""
    kinds = {UserRole.CLIENT: ActorKind.USER, UserRole.SECRETARY: ActorKind.SECRETARY}
    return Actor(kinds.get(role, ActorKind.ADMIN), name, origin)


class Account:
    """Somebody's account in one piece of work, as it was when that began."""

    def __init__(self, work: Work, user: User) -> None:
        self._work, self.user = work, user
        (row,) = users.rows(work.conn, work.at, user.id)
        self.whose: dict[str, object] = {name: getattr(row, name) for name in ("name", "role", "secretary", "client")}
        if row.client_role:
            self.whose["client_role"] = row.client_role
        if row.email:
            self.whose["email"] = row.email

    def note(
        self, verb: Verb, *, old: Mapping[str, object] | None = None, new: Mapping[str, object] | None = None
    ) -> None:
        """Writes an entry. A client's people are erased with it: their entries are the client's, and their names stand
        within, as its contacts' do."""
        client = self.whose["client"]
        was = {name: value for name, value in self.whose.items() if name != "name" or not client}
        self._work.note(
            verb,
            str(client or self.whose["name"]),
            client_id=self.user.client_id,
            old=was | dict(old or {}),
            new={"name": self.user.name} | dict(new or {}),
        )

    def note_added(self, new: Mapping[str, object]) -> None:
        """Writes that it is there."""
        subject = str(self.whose["client"] or self.whose["name"])
        self._work.note(Verb.USER_ADDED, subject, client_id=self.user.client_id, new=self.whose | dict(new))

    def note_removed(self, old: Mapping[str, object]) -> None:
        """Writes what is there no more."""
        subject = str(self.whose["client"] or self.whose["name"])
        self._work.note(Verb.USER_REMOVED, subject, client_id=self.user.client_id, old=self.whose | dict(old))
