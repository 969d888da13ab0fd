"""What can be done with the telephones by which supervisors are in calls."""

from pbx_control.domain.audit import Verb
from pbx_control.domain.users import SUPERVISORS
from pbx_control.errors import ClientMistake, Code
from pbx_control.services.staff import Account, free_user_name, new_secret
from pbx_control.services.work import Work
from pbx_control.store import supervisor_telephones, users
from pbx_control.store.supervisor_telephones import Telephone


def give_telephone(work: Work, name: str, *, secure: bool = False) -> Account:
    """Gives somebody a telephone, or another password for the one that there is.

    Raises ClientMistake if there is no such user, or the role is another.
    """
    user = users.find(work.conn, name.lower())
    if user.role not in SUPERVISORS:
        raise ClientMistake(
            "{name} is no supervisor: only supervisors and admins are in calls of others", Code.WRONG_STATE, name=name
        )
    old = supervisor_telephones.of_user(work.conn, user.id)
    account = Account(old.user if old else free_user_name(work.conn, user.name), new_secret())
    given = Telephone(user_id=user.id, user=account.user, password=account.password, secure=secure)
    supervisor_telephones.put(work.conn, given)
    was = {"telephone": old.user, "password": old.password, "secure": old.secure} if old else {}
    new = {"telephone": given.user, "password": given.password, "secure": given.secure}
    work.note(Verb.TELEPHONE_GIVEN, user.name, old=was, new=new)
    return account


def take_telephone(work: Work, name: str) -> None:
    """Takes it away. Raises ClientMistake if there is no such user, or no telephone."""
    user = users.find(work.conn, name.lower())
    old = supervisor_telephones.of_user(work.conn, user.id)
    if old is None:
        raise ClientMistake("{name} has no telephone", Code.WRONG_STATE, name=user.name)
    supervisor_telephones.remove(work.conn, user.id)
    work.note(Verb.TELEPHONE_TAKEN, user.name, old={"telephone": old.user})
