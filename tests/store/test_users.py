"""People who sign in: accounts, passwords, sessions; on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from acting import ADMIN
from sqlalchemy import Engine, select, update

from pbx_control.domain.audit import Verb
from pbx_control.domain.users import IDLE_LIMIT, LONGEST_SESSION, ClientRole, UserRole
from pbx_control.errors import ClientMistake
from pbx_control.services import clientele, staff
from pbx_control.services import users as services
from pbx_control.services.users import Admitted, NewPassword
from pbx_control.services.work import booking, changing
from pbx_control.store import audit, users
from pbx_control.store.engine import reading
from pbx_control.store.secretaries import find
from pbx_control.store.tables import account_user, web_session

NOON = datetime(2026, 8, 3, 16, tzinfo=UTC)
ORIGIN = "198.51.100.7"


def secretary(engine: Engine, name: str = "Ana Rojas") -> int:
    with changing(engine, ADMIN, NOON) as work:
        staff.add(work, name, languages=["es"], client_ids=None)
        return find(work.conn, name).id


def account(engine: Engine, name: str = "jefa", role: UserRole = UserRole.SUPERVISOR, **whose: int) -> NewPassword:
    password = services.new_password()
    with booking(engine, ADMIN, NOON) as work:
        services.add(work, name, role, password, **whose)
    return password


def signed_in(engine: Engine, name: str, password: NewPassword, at: datetime = NOON) -> Admitted:
    admitted = services.sign_in(engine, name, password.text, ORIGIN, at)
    assert admitted
    return admitted


def test_who_knows_the_password_is_let_in(engine: Engine) -> None:
    hers = secretary(engine)
    password = account(engine, "Ana.Rojas", UserRole.SECRETARY, secretary_id=hers)
    admitted = signed_in(engine, " ANA.rojas ", password)
    person = services.session_of(engine, admitted.token, NOON)
    assert person == admitted.person
    assert (person.name, person.role, person.secretary_id) == ("ana.rojas", UserRole.SECRETARY, hers)


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("jefa", "wrong"),
        ("jefa", ""),
        ("nobody", "right"),
        ("", "right"),
        ("je\x00fa", "right"),
        ("jefa", "\udcff\x00"),
    ],
)
def test_nobody_else_is(engine: Engine, name: str, typed: str) -> None:
    password = account(engine)
    assert services.sign_in(engine, name, password.text if typed == "right" else typed, ORIGIN, NOON) is None


def test_a_password_of_a_megabyte_is_none_of_ours(engine: Engine) -> None:
    password = account(engine)
    assert services.sign_in(engine, "jefa", password.text + "x" * 1_000_000, ORIGIN, NOON) is None
    assert services.sign_in(engine, "j" * 1_000_000, password.text, ORIGIN, NOON) is None


def test_an_unknown_name_costs_as_much_as_a_wrong_password(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by a clock, which other work on the machine moves, but by what is hashed with what."""
    from argon2 import PasswordHasher

    account(engine)
    verified: list[str] = []
    verify = PasswordHasher.verify

    def note(hasher: PasswordHasher, hash: str, password: str | bytes) -> bool:
        verified.append(hash)
        return verify(hasher, hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", note)
    for name in ("jefa", "nobody", "no name at all", ""):
        assert services.sign_in(engine, name, "wrong", ORIGIN, NOON) is None
    assert len(verified) == 4
    assert len({one.rpartition("$")[0].rpartition("$")[0] for one in verified}) == 1  # the same parameters


def test_neither_password_nor_token_can_be_read_in_the_database(engine: Engine) -> None:
    password = account(engine)
    admitted = signed_in(engine, "jefa", password)
    with reading(engine) as conn:
        kept = str([tuple(row) for table in (account_user, web_session) for row in conn.execute(select(table))])
        told = str(audit.newest(conn))
    for secret in (password.text, admitted.token, admitted.person.csrf):
        assert secret not in kept
    assert password.hash not in told


def test_a_session_ends_fourteen_hours_after_the_sign_in(engine: Engine) -> None:
    admitted = signed_in(engine, "jefa", account(engine))
    at = NOON
    while at + timedelta(hours=1) < NOON + LONGEST_SESSION:
        at += timedelta(hours=1)
        assert services.still_valid(engine, admitted.person.session_id, at)
    assert services.session_of(engine, admitted.token, NOON + LONGEST_SESSION) is None
    assert not services.still_valid(engine, admitted.person.session_id, NOON + LONGEST_SESSION)


def test_a_session_that_nobody_uses_ends_after_two_hours(engine: Engine) -> None:
    admitted = signed_in(engine, "jefa", account(engine))
    later = NOON + IDLE_LIMIT - timedelta(minutes=5)
    assert services.session_of(engine, admitted.token, later)
    assert services.session_of(engine, admitted.token, later + IDLE_LIMIT - timedelta(seconds=1))
    assert services.session_of(engine, admitted.token, later + 3 * IDLE_LIMIT) is None


def test_that_a_session_is_used_is_written_once_a_minute(engine: Engine) -> None:
    admitted = signed_in(engine, "jefa", account(engine))
    services.session_of(engine, admitted.token, NOON + timedelta(seconds=59))
    with reading(engine) as conn:
        assert conn.scalar(select(web_session.c.seen_at)) == NOON
    services.session_of(engine, admitted.token, NOON + timedelta(seconds=61))
    with reading(engine) as conn:
        assert conn.scalar(select(web_session.c.seen_at)) == NOON + timedelta(seconds=61)


def test_who_signs_out_is_out_there_only(engine: Engine) -> None:
    password = account(engine)
    here, there = signed_in(engine, "jefa", password), signed_in(engine, "jefa", password)
    assert here.token != there.token
    services.sign_out(engine, here.person.session_id, NOON)
    assert services.session_of(engine, here.token, NOON) is None
    assert services.session_of(engine, there.token, NOON)


@pytest.mark.parametrize("how", ["reset", "removed", "revoked"])
def test_a_new_password_a_removal_and_a_revocation_end_all_sessions(engine: Engine, how: str) -> None:
    password = account(engine)
    sessions = [signed_in(engine, "jefa", password) for _ in range(2)]
    with booking(engine, ADMIN, NOON) as work:
        match how:
            case "reset":
                services.reset_password(work, "Jefa", services.new_password())
            case "removed":
                services.remove(work, "jefa")
            case _:
                assert services.revoke(work, "jefa") == 2
    assert [services.session_of(engine, one.token, NOON) for one in sessions] == [None, None]
    assert [services.still_valid(engine, one.person.session_id, NOON) for one in sessions] == [False, False]
    assert (services.sign_in(engine, "jefa", password.text, ORIGIN, NOON) is not None) == (how == "revoked")


def test_a_secretary_who_leaves_signs_in_no_more(engine: Engine) -> None:
    password = account(engine, "ana", UserRole.SECRETARY, secretary_id=secretary(engine))
    admitted = signed_in(engine, "ana", password)
    with changing(engine, ADMIN, NOON) as work:
        staff.remove(work, "Ana Rojas")
    assert services.session_of(engine, admitted.token, NOON) is None
    assert services.sign_in(engine, "ana", password.text, ORIGIN, NOON) is None
    with reading(engine) as conn:
        assert [one.entry.verb for one in audit.newest(conn)][:2] == [Verb.SECRETARY_REMOVED, Verb.USER_REMOVED]
    again = account(engine, "ana", UserRole.SECRETARY, secretary_id=secretary(engine))  # the name is free
    assert signed_in(engine, "ana", again).person.user_id != admitted.person.user_id


def test_one_account_is_enough_for_a_secretary(engine: Engine) -> None:
    hers = secretary(engine)
    account(engine, "ana", UserRole.SECRETARY, secretary_id=hers)
    with pytest.raises(ClientMistake, match="she signs in as ana already"):
        account(engine, "ana2", UserRole.SECRETARY, secretary_id=hers)


def test_clients_only_owner_is_neither_removed_nor_made_staff(engine: Engine) -> None:
    andes = firm(engine)
    account(engine, "rosa", UserRole.CLIENT, client_id=andes)
    account(engine, "luis", UserRole.CLIENT, client_id=andes)
    refused = "rosa is the only owner: make somebody else an owner first"
    with pytest.raises(ClientMistake, match=refused), booking(engine, ADMIN, NOON) as work:
        services.change(work, "rosa", client_role=ClientRole.STAFF)
    with pytest.raises(ClientMistake, match=refused), booking(engine, ADMIN, NOON) as work:
        services.remove(work, "rosa")
    with booking(engine, ADMIN, NOON) as work:
        services.change(work, "luis", client_role=ClientRole.OWNER)
        services.change(work, "rosa", client_role=ClientRole.STAFF)
        services.remove(work, "rosa")


def test_only_owner_of_a_client_that_has_cancelled_can_be_removed(engine: Engine) -> None:
    andes = firm(engine)
    account(engine, "rosa", UserRole.CLIENT, client_id=andes)
    with changing(engine, ADMIN, NOON) as work:
        clientele.cancel(work, "andes")
    with booking(engine, ADMIN, NOON) as work:
        services.remove(work, "rosa")
        assert users.by_name(work.conn, "rosa") is None


@pytest.mark.parametrize("name", ["a", "a" * 41, "añá", "ana rojas", "ana\n", "../ana", "", "ana@casa"])
def test_what_no_name_can_be(engine: Engine, name: str) -> None:
    with pytest.raises(ClientMistake, match="cannot be a name to sign in with"):
        account(engine, f" {name}x" if name == "ana\n" else name)


@pytest.mark.parametrize(
    ("role", "whose"),
    [
        (UserRole.SECRETARY, {}),
        (UserRole.CLIENT, {}),
        (UserRole.ADMIN, {"client_id": 1}),
        (UserRole.SUPERVISOR, {"secretary_id": 1}),
        (UserRole.CLIENT, {"client_id": 1, "secretary_id": 1}),
        (UserRole.ADMIN, {"client_role": ClientRole.OWNER}),
    ],
)
def test_role_and_person_go_together(engine: Engine, role: UserRole, whose: dict[str, int]) -> None:
    with pytest.raises(ClientMistake, match=r"role (secretary|client)"):
        account(engine, "x1", role, **whose)


def firm(engine: Engine, slug: str = "andes") -> int:
    with changing(engine, ADMIN, NOON) as work:
        return clientele.add(work, slug, name=slug.title())


def test_the_first_of_a_clients_people_is_its_owner_and_the_others_are_staff(engine: Engine) -> None:
    andes, sur = firm(engine), firm(engine, "sur")
    for name, client_id in (("gerencia", andes), ("recepcion", andes), ("sur", sur)):
        account(engine, name, UserRole.CLIENT, client_id=client_id)
    account(engine, "socia", UserRole.CLIENT, client_id=andes, client_role=ClientRole.OWNER)
    account(engine, "jefa")
    with reading(engine) as conn:
        roles = {one.name: one.client_role for one in users.rows(conn, NOON)}
    assert roles == {
        "gerencia": "owner",
        "recepcion": "staff",
        "sur": "owner",
        "socia": "owner",
        "jefa": None,
    }


def test_a_role_that_is_changed_holds_from_the_next_click_on(engine: Engine) -> None:
    andes = firm(engine)
    password = account(engine, "gerencia", UserRole.CLIENT, client_id=andes)
    account(engine, "rosa", UserRole.CLIENT, client_id=andes)
    admitted = signed_in(engine, "gerencia", password)
    assert admitted.person.client_role is ClientRole.OWNER
    with booking(engine, ADMIN, NOON) as work:
        services.change(work, "rosa", client_role=ClientRole.OWNER)
        services.change(work, "gerencia", client_role=ClientRole.STAFF)
    person = services.session_of(engine, admitted.token, NOON)
    assert person
    assert person.client_role is ClientRole.STAFF


def test_a_name_is_one_persons(engine: Engine) -> None:
    account(engine, "jefa")
    with pytest.raises(ClientMistake, match="there is a user jefa already"):
        account(engine, "JEFA")


def test_who_is_reset_while_his_password_is_checked_is_not_let_in(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = account(engine)
    right = services._is_right

    def reset_meanwhile(kept: str, typed: str) -> bool:
        with booking(engine, ADMIN, NOON) as work:
            services.reset_password(work, "jefa", services.new_password())
        return right(kept, typed)

    monkeypatch.setattr(services, "_is_right", reset_meanwhile)
    assert services.sign_in(engine, "jefa", password.text, ORIGIN, NOON) is None


def test_a_list_tells_who_was_seen_when_and_where(engine: Engine) -> None:
    password = account(engine)
    signed_in(engine, "jefa", password)
    signed_in(engine, "jefa", password, NOON + timedelta(hours=1))
    with reading(engine) as conn:
        (row,) = users.rows(conn, NOON + timedelta(hours=1))
        (last, first) = users.open_sessions(conn, users.find(conn, "jefa").id, NOON + timedelta(hours=1))
    assert (row.name, row.sessions, row.last_seen) == ("jefa", 2, NOON + timedelta(hours=1))
    assert (last.began_at, first.origin) == (NOON + timedelta(hours=1), ORIGIN)


def test_old_sessions_are_forgotten(engine: Engine) -> None:
    password = account(engine)
    signed_in(engine, "jefa", password)
    signed_in(engine, "jefa", password, NOON + timedelta(days=91))
    with reading(engine) as conn:
        assert len(conn.execute(select(web_session)).all()) == 1


def test_the_language_that_was_chosen_is_kept(engine: Engine) -> None:
    password = account(engine)
    assert signed_in(engine, "jefa", password).person.language == ""
    chosen = services.sign_in(engine, "jefa", password.text, ORIGIN, NOON, "en")
    assert chosen
    assert chosen.person.language == "en"
    services.choose_language(engine, chosen.person.user_id, "es")
    person = services.session_of(engine, chosen.token, NOON)
    assert person
    assert person.language == "es"


def test_a_session_of_one_who_was_given_another_end_is_over(engine: Engine) -> None:
    admitted = signed_in(engine, "jefa", account(engine))
    with engine.begin() as conn:
        conn.execute(update(web_session).values(ends_at=NOON))
    assert services.session_of(engine, admitted.token, NOON) is None
