"""Signing in with a code, links that set a password, and sessions: what an attacker tries; on both databases."""

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier, Event
from typing import TypeVar

import pytest
from acting import ADMIN
from pyotp import TOTP
from sqlalchemy import Engine, insert, select, text

from pbx_control.domain.audit import Actor, ActorKind, Verb
from pbx_control.domain.notices.sign_in_letters import INVITED_FOR, RESET_WITHIN
from pbx_control.domain.second_factor import RECOVERY_CODES, SET_UP_WITHIN
from pbx_control.domain.users import CODE_WITHIN, CODES_A_SIGN_IN, ClientRole, Person, UserRole
from pbx_control.errors import ClientMistake
from pbx_control.services import clientele, own_account, second_factor, second_step, sign_in_links, users
from pbx_control.services.users import Admitted, CodeWanted, NewPassword
from pbx_control.services.work import Work, booking, changing
from pbx_control.settings import OfficeSettings, Settings, Web
from pbx_control.store import audit, clients, letters, passkeys
from pbx_control.store.engine import reading, writing
from pbx_control.store.tables import half_sign_in, letter, sign_in_link, web_session
from pbx_control.store.tables import recovery_code as recovery_codes
from pbx_control.store.tables import second_factor as second_factors

NOON = datetime(2026, 8, 3, 16, tzinfo=UTC)
STEP = timedelta(seconds=30)
ORIGIN = "198.51.100.7"
PAGES = Settings(web=Web(public_url="https://desk.example"), office=OfficeSettings(name="Casa"))
OTHER = NewPassword("other", "other hash")
T = TypeVar("T")


@pytest.fixture
def password(engine: Engine) -> NewPassword:
    """Rosa's, who is the owner of Andes; Luis owns Sur, and jefa is of the house. All have the same."""
    password = users.new_password()
    with changing(engine, ADMIN, NOON) as work:
        for slug, name in (("andes", "rosa"), ("sur", "luis")):
            firm = clientele.add(work, slug, name=slug.title())
            users.add(work, name, UserRole.CLIENT, password, client_id=firm, email=f"{name}@{slug}.example")
        users.add(work, "jefa", UserRole.SUPERVISOR, password)
    return password


def rosa_leaves(work: Work, password: NewPassword) -> None:
    """She is removed; her firm has another owner by then."""
    users.add(work, "eva", UserRole.CLIENT, password, client_id=clients.find(work.conn, "andes").id)
    users.change(work, "eva", client_role=ClientRole.OWNER)
    users.remove(work, "rosa")


def as_user(name: str = "rosa") -> Actor:
    return Actor(ActorKind.USER, name, ORIGIN)


def signed_in(engine: Engine, password: NewPassword, at: datetime = NOON, name: str = "rosa") -> Admitted:
    admitted = users.sign_in(engine, name, password.text, ORIGIN, at, agent="Mozilla/5.0 (Windows) Firefox/128.0")
    assert isinstance(admitted, Admitted)
    return admitted


def half(engine: Engine, password: NewPassword, at: datetime, name: str = "rosa") -> str:
    wanted = users.sign_in(engine, name, password.text, ORIGIN, at)
    assert isinstance(wanted, CodeWanted)
    return wanted.token


def secret_of(engine: Engine, person: Person) -> str:
    with reading(engine) as conn:
        return str(conn.scalar(select(second_factors.c.secret).where(second_factors.c.user_id == person.user_id)))


def with_app(engine: Engine, password: NewPassword, name: str = "rosa") -> tuple[Person, TOTP, list[str]]:
    """Somebody whose app is set up since a minute before noon, and the codes for when it is lost."""
    before = NOON - timedelta(minutes=1)
    person = signed_in(engine, password, before, name).person
    second_factor.begin(engine, person, before)
    app = TOTP(second_factor.shown(engine, person, before))
    with booking(engine, as_user(name), before) as work:
        codes = second_factor.confirm(work, person, app.at(before))
    return person, app, codes


def told(engine: Engine) -> list[str]:
    with reading(engine) as conn:
        return [one.entry.verb.value for one in audit.newest(conn)]


def both(do: Callable[[int], T]) -> list[T | Exception]:
    """What comes of doing it twice at the same instant."""
    start = Barrier(2)

    def once(number: int) -> T | Exception:
        start.wait()
        try:
            return do(number)
        except ClientMistake as error:
            return error

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(once, range(2)))


# --- the app ----------------------------------------------------------------------------------------------


def test_who_has_an_app_is_asked_for_its_code_after_the_password(engine: Engine, password: NewPassword) -> None:
    _, app, _ = with_app(engine, password)
    token = half(engine, password, NOON)
    user = second_step.who(engine, token, NOON)
    assert user
    assert user.name == "rosa"
    admitted = second_step.finish(engine, token, app.at(NOON), NOON)
    assert admitted
    assert admitted.person.has_second_factor
    assert users.session_of(engine, admitted.token, NOON) == admitted.person
    assert signed_in(engine, password, name="luis").person.has_second_factor is False


def test_half_a_sign_in_is_no_session(engine: Engine, password: NewPassword) -> None:
    with_app(engine, password)
    token = half(engine, password, NOON)
    assert users.session_of(engine, token, NOON) is None
    with reading(engine) as conn:
        began = conn.scalars(select(web_session.c.began_at)).all()
    assert NOON not in began
    assert not users.has_come_from(engine, "rosa", "203.0.113.9")


def test_whether_there_is_an_app_is_told_only_to_who_knows_the_password(engine: Engine, password: NewPassword) -> None:
    with_app(engine, password)
    assert users.sign_in(engine, "rosa", "wrong", ORIGIN, NOON) is None
    with reading(engine) as conn:
        assert conn.execute(select(half_sign_in)).all() == []


def test_a_code_is_good_once(engine: Engine, password: NewPassword) -> None:
    _, app, _ = with_app(engine, password)
    assert second_step.finish(engine, half(engine, password, NOON), app.at(NOON), NOON)
    for typed in (app.at(NOON), app.at(NOON - STEP)):
        assert second_step.finish(engine, half(engine, password, NOON), typed, NOON) is None
    assert second_step.finish(engine, half(engine, password, NOON), app.at(NOON + STEP), NOON)


def test_the_code_that_set_the_app_up_is_used_up(engine: Engine, password: NewPassword) -> None:
    _, app, _ = with_app(engine, password)
    at = NOON - timedelta(minutes=1)
    assert second_step.finish(engine, half(engine, password, at), app.at(at), at) is None


def test_one_code_at_two_places_at_once_lets_one_in(engine: Engine, password: NewPassword) -> None:
    _, app, _ = with_app(engine, password)
    tokens = [half(engine, password, NOON) for _ in range(2)]
    came = both(lambda number: second_step.finish(engine, tokens[number], app.at(NOON), NOON))
    assert sorted(map(bool, came)) == [False, True]


def test_one_half_with_two_codes_at_once_is_one_session(engine: Engine, password: NewPassword) -> None:
    _, app, _ = with_app(engine, password)
    token = half(engine, password, NOON)
    came = both(lambda number: second_step.finish(engine, token, app.at(NOON + number * STEP), NOON))
    assert len([one for one in came if isinstance(one, Admitted)]) == 1
    with reading(engine) as conn:
        assert len(conn.execute(select(web_session).where(web_session.c.began_at == NOON)).all()) == 1


def test_another_ones_code_is_wrong(engine: Engine, password: NewPassword) -> None:
    with_app(engine, password)
    _, luis_app, luis_codes = with_app(engine, password, "luis")
    token = half(engine, password, NOON)
    for typed in (luis_app.at(NOON), luis_codes[0]):
        assert second_step.finish(engine, token, typed, NOON) is None
    assert second_step.finish(engine, half(engine, password, NOON, "luis"), luis_app.at(NOON), NOON)


def test_after_some_wrong_codes_the_password_is_asked_for_again(engine: Engine, password: NewPassword) -> None:
    _, app, _ = with_app(engine, password)
    token = half(engine, password, NOON)
    for _ in range(CODES_A_SIGN_IN):
        assert second_step.finish(engine, token, "000000", NOON) is None
    assert second_step.who(engine, token, NOON) is None
    with pytest.raises(ClientMistake, match="sign in again"):
        second_step.finish(engine, token, app.at(NOON), NOON)


def test_who_takes_too_long_begins_again(engine: Engine, password: NewPassword) -> None:
    _, app, _ = with_app(engine, password)
    token, late = half(engine, password, NOON), NOON + CODE_WITHIN
    with pytest.raises(ClientMistake, match="took too long"):
        second_step.finish(engine, token, app.at(late), late)


@pytest.mark.parametrize("how", ["password reset", "removed", "second factor reset", "second factor off"])
def test_a_half_that_was_begun_before_a_change_is_over(engine: Engine, password: NewPassword, how: str) -> None:
    person, app, _ = with_app(engine, password)
    token = half(engine, password, NOON)
    with booking(engine, ADMIN, NOON) as work:
        match how:
            case "password reset":
                users.reset_password(work, "rosa", OTHER)
            case "removed":
                rosa_leaves(work, password)
            case "second factor reset":
                second_factor.reset(work, "rosa")
            case _:
                second_factor.turn_off(work, person, app.at(NOON))
    with pytest.raises(ClientMistake):
        second_step.finish(engine, token, app.at(NOON + STEP), NOON)
    assert second_step.who(engine, token, NOON) is None


@pytest.mark.parametrize("token", ["", "x" * 43, "\udcff"])
def test_a_half_that_never_was_is_over(engine: Engine, password: NewPassword, token: str) -> None:
    assert second_step.who(engine, token, NOON) is None
    with pytest.raises(ClientMistake):
        second_step.finish(engine, token, "123456", NOON)


def test_a_code_for_when_the_app_is_lost_is_good_once_and_told(engine: Engine, password: NewPassword) -> None:
    _, _, codes = with_app(engine, password)
    assert len(set(codes)) == RECOVERY_CODES
    assert second_step.finish(engine, half(engine, password, NOON), codes[0].upper().replace("-", " "), NOON)
    assert second_step.finish(engine, half(engine, password, NOON), codes[0], NOON) is None
    assert told(engine)[0] == "recovery code used"
    assert second_step.finish(engine, half(engine, password, NOON), codes[1], NOON, app_too=False)


def test_one_such_code_at_two_places_at_once_lets_one_in(engine: Engine, password: NewPassword) -> None:
    _, _, codes = with_app(engine, password)
    tokens = [half(engine, password, NOON) for _ in range(2)]
    came = both(lambda number: second_step.finish(engine, tokens[number], codes[0], NOON))
    assert sorted(map(bool, came)) == [False, True]


def test_when_the_app_was_guessed_at_too_often_only_such_a_code_will_do(engine: Engine, password: NewPassword) -> None:
    _, app, codes = with_app(engine, password)
    token = half(engine, password, NOON)
    assert second_step.finish(engine, token, app.at(NOON), NOON, app_too=False) is None
    assert second_step.finish(engine, token, codes[0], NOON, app_too=False)


def test_nothing_in_the_database_is_a_code_or_a_token(engine: Engine, password: NewPassword) -> None:
    person, _, codes = with_app(engine, password)
    token = half(engine, password, NOON)
    with reading(engine) as conn:
        kept = str([tuple(row) for table in (half_sign_in, recovery_codes) for row in conn.execute(select(table))])
        trail = str(audit.newest(conn))
    for one in (token, *codes, *(code.replace("-", "") for code in codes)):
        assert one not in kept
        assert one not in trail
    assert secret_of(engine, person) not in trail


def test_an_app_is_set_up_by_its_first_code_and_the_other_sessions_end(engine: Engine, password: NewPassword) -> None:
    here, there = signed_in(engine, password), signed_in(engine, password)
    second_factor.begin(engine, here.person, NOON)
    assert isinstance(users.sign_in(engine, "rosa", password.text, ORIGIN, NOON), Admitted)  # not before
    secret = second_factor.shown(engine, here.person, NOON)
    with pytest.raises(ClientMistake, match="not right"), booking(engine, as_user(), NOON) as work:
        second_factor.confirm(work, here.person, "000000")
    with booking(engine, as_user(), NOON) as work:
        second_factor.confirm(work, here.person, TOTP(secret).at(NOON))
    assert users.session_of(engine, here.token, NOON)
    assert users.session_of(engine, there.token, NOON) is None
    assert second_factor.shown(engine, here.person, NOON) == ""
    assert told(engine)[0] == "second factor on"
    with pytest.raises(ClientMistake, match="already"):
        second_factor.begin(engine, here.person, NOON)


def test_a_secret_is_shown_to_the_session_that_asked_for_it_alone_and_not_for_long(
    engine: Engine, password: NewPassword
) -> None:
    here, there = signed_in(engine, password).person, signed_in(engine, password).person
    luis = signed_in(engine, password, name="luis").person
    second_factor.begin(engine, here, NOON)
    secret = second_factor.shown(engine, here, NOON)
    for other in (there, luis):
        assert second_factor.shown(engine, other, NOON) == ""
        with pytest.raises(ClientMistake, match="begin again"), booking(engine, as_user(), NOON) as work:
            second_factor.confirm(work, other, TOTP(secret).at(NOON))
    late = NOON + SET_UP_WITHIN
    assert second_factor.shown(engine, here, late) == ""
    with pytest.raises(ClientMistake, match="begin again"), booking(engine, as_user(), late) as work:
        second_factor.confirm(work, here, TOTP(secret).at(late))
    second_factor.begin(engine, there, NOON)  # another one in its place
    assert second_factor.shown(engine, here, NOON) == ""


def test_an_app_that_is_begun_twice_at_once_has_one_secret(engine: Engine, password: NewPassword) -> None:
    persons = [signed_in(engine, password).person for _ in range(2)]
    both(lambda number: second_factor.begin(engine, persons[number], NOON))
    assert sorted(bool(second_factor.shown(engine, one, NOON)) for one in persons) == [False, True]


def test_who_turns_it_off_shows_a_code(engine: Engine, password: NewPassword) -> None:
    person, app, codes = with_app(engine, password)
    for typed in ("000000", app.at(NOON - timedelta(minutes=1)), "", "abcd-efgh-2345"):
        with pytest.raises(ClientMistake, match="not right"), booking(engine, as_user(), NOON) as work:
            second_factor.turn_off(work, person, typed)
    with booking(engine, as_user(), NOON) as work:
        new = second_factor.renew_codes(work, person, app.at(NOON))
    with pytest.raises(ClientMistake, match="not right"), booking(engine, as_user(), NOON) as work:
        second_factor.turn_off(work, person, codes[0])  # one of those before
    with booking(engine, as_user(), NOON) as work:
        second_factor.turn_off(work, person, new[0])
    assert isinstance(users.sign_in(engine, "rosa", password.text, ORIGIN, NOON), Admitted)
    assert told(engine)[:3] == ["second factor off", "recovery code used", "recovery codes renewed"]


def test_the_admin_takes_it_away_from_who_has_lost_all(engine: Engine, password: NewPassword) -> None:
    person, _, _ = with_app(engine, password)
    with booking(engine, ADMIN, NOON) as work:
        second_factor.reset(work, "Rosa")
    assert not users.still_valid(engine, person.session_id, NOON)
    assert isinstance(users.sign_in(engine, "rosa", password.text, ORIGIN, NOON), Admitted)
    with reading(engine) as conn:
        assert conn.execute(select(recovery_codes)).all() == []
    with pytest.raises(ClientMistake, match="nothing to do"), booking(engine, ADMIN, NOON) as work:
        second_factor.reset(work, "rosa")


# --- password and sessions --------------------------------------------------------------------------------


def test_who_changes_the_password_ends_his_other_sessions(engine: Engine, password: NewPassword) -> None:
    here, there = signed_in(engine, password), signed_in(engine, password)
    luis = signed_in(engine, password, name="luis")
    known = users.knows_password(engine, here.person.user_id, password.text)
    assert users.knows_password(engine, here.person.user_id, "wrong") == ""
    new = users.hashed("perro gato casa luna")
    with booking(engine, as_user(), NOON) as work:
        own_account.change_password(work, here.person, known, new)
    assert [bool(users.session_of(engine, one.token, NOON)) for one in (here, there, luis)] == [True, False, True]
    assert users.sign_in(engine, "rosa", password.text, ORIGIN, NOON) is None
    assert signed_in(engine, new)
    with pytest.raises(ClientMistake, match="changed meanwhile"), booking(engine, as_user(), NOON) as work:
        own_account.change_password(work, here.person, known, OTHER)


def test_a_letter_that_keyboards_make_in_two_ways_is_one(engine: Engine, password: NewPassword) -> None:
    with booking(engine, ADMIN, NOON) as work:
        users.reset_password(work, "rosa", users.hashed("ma\u00f1ana se ver\u00e1"))
    assert users.sign_in(engine, "rosa", "man\u0303ana se vera\u0301", ORIGIN, NOON)


def test_nobody_ends_another_ones_session(engine: Engine, password: NewPassword) -> None:
    rosa, luis = signed_in(engine, password), signed_in(engine, password, name="luis")
    with booking(engine, as_user("luis"), NOON) as work:
        assert own_account.end_session(work, luis.person, rosa.person.session_id) == 0
        assert own_account.end_other_sessions(work, luis.person) == 0
    assert users.session_of(engine, rosa.token, NOON)
    with booking(engine, as_user(), NOON) as work:
        assert own_account.end_session(work, rosa.person, rosa.person.session_id) == 1
    assert users.session_of(engine, rosa.token, NOON) is None


# --- links ------------------------------------------------------------------------------------------------


def links(engine: Engine) -> list[str]:
    """The tokens that were sent, the newest last."""
    with reading(engine) as conn:
        texts = conn.scalars(select(letter.c.body_text).order_by(letter.c.id)).all()
    return [found for text in texts for found in re.findall(r"https://desk\.example/reset\?link=([\w-]{43})\n", text)]


def asked(engine: Engine, who: str = "rosa", at: datetime = NOON) -> str:
    before = len(links(engine))
    sign_in_links.send_to(engine, PAGES, sign_in_links.meant(engine, who), ORIGIN, at)
    found = links(engine)
    return found[-1] if len(found) > before else ""


def used(engine: Engine, token: str, password: NewPassword, at: datetime = NOON) -> str:
    with booking(engine, as_user(), at) as work:
        return sign_in_links.use(work, token, password)


def test_a_link_sets_the_password_once_and_ends_the_sessions(engine: Engine, password: NewPassword) -> None:
    before = signed_in(engine, password)
    token = asked(engine, "Rosa ")
    for _ in range(3):  # whoever looks uses nothing up
        found = sign_in_links.found(engine, token, NOON)
        assert found
        assert found.name == "rosa"
    new = users.hashed("perro gato casa luna")
    assert used(engine, token, new) == "rosa"
    assert users.session_of(engine, before.token, NOON) is None
    assert signed_in(engine, new)
    assert users.sign_in(engine, "rosa", password.text, ORIGIN, NOON) is None
    assert sign_in_links.found(engine, token, NOON) is None
    with pytest.raises(ClientMistake, match="good no more"):
        used(engine, token, OTHER)
    assert told(engine)[:2] == ["user password reset", "sign-in link sent"]
    assert signed_in(engine, password, name="luis")


def test_a_link_at_two_places_at_once_is_good_at_one(engine: Engine, password: NewPassword) -> None:
    token = asked(engine)
    passwords = [NewPassword("one", "hash one"), NewPassword("two", "hash two")]
    came = both(lambda number: used(engine, token, passwords[number]))
    assert came.count("rosa") == 1
    with reading(engine) as conn:
        kept = users.users.find(conn, "rosa").password_hash
    assert kept == passwords[came.index("rosa")].hash


def test_a_link_that_is_asked_for_twice_at_once_leaves_one_good(engine: Engine, password: NewPassword) -> None:
    rosa = sign_in_links.meant(engine, "rosa")
    both(lambda _: sign_in_links.send_to(engine, PAGES, rosa, ORIGIN, NOON))
    good = [one for one in links(engine) if sign_in_links.found(engine, one, NOON)]
    assert len(good) == 1


def test_a_link_is_good_for_half_an_hour(engine: Engine, password: NewPassword) -> None:
    token = asked(engine)
    assert sign_in_links.found(engine, token, NOON + RESET_WITHIN - timedelta(seconds=1))
    assert sign_in_links.found(engine, token, NOON + RESET_WITHIN) is None
    with pytest.raises(ClientMistake, match="good no more"):
        used(engine, token, OTHER, NOON + RESET_WITHIN)


def test_an_invitation_is_good_for_some_days(engine: Engine, password: NewPassword) -> None:
    with booking(engine, ADMIN, NOON) as work:
        sign_in_links.send(work, PAGES, "rosa", invited=True)
    (token,) = links(engine)
    assert sign_in_links.found(engine, token, NOON + INVITED_FOR - timedelta(seconds=1))
    assert sign_in_links.found(engine, token, NOON + INVITED_FOR) is None


@pytest.mark.parametrize("how", ["newer", "password", "reset", "address", "removed", "second factor"])
def test_a_link_that_was_sent_before_a_change_is_dead(engine: Engine, password: NewPassword, how: str) -> None:
    person = signed_in(engine, password).person
    token = asked(engine)
    match how:
        case "newer":
            assert asked(engine, at=NOON + timedelta(minutes=1))
        case "second factor":
            second_factor.begin(engine, person, NOON)
            with booking(engine, as_user(), NOON) as work:
                second_factor.confirm(work, person, TOTP(secret_of(engine, person)).at(NOON))
        case _:
            with booking(engine, ADMIN, NOON) as work:
                match how:
                    case "password":
                        known = users.knows_password(engine, person.user_id, password.text)
                        own_account.change_password(work, person, known, OTHER)
                    case "reset":
                        users.reset_password(work, "rosa", OTHER)
                    case "address":
                        users.change(work, "rosa", email="rosa@sur.example")
                    case _:
                        rosa_leaves(work, password)
    assert sign_in_links.found(engine, token, NOON + timedelta(minutes=2)) is None
    with pytest.raises(ClientMistake, match="good no more"):
        used(engine, token, OTHER, NOON + timedelta(minutes=2))


def test_a_code_is_asked_for_after_a_link_as_well(engine: Engine, password: NewPassword) -> None:
    with_app(engine, password)
    new = users.hashed("perro gato casa luna")
    used(engine, asked(engine), new)
    assert half(engine, new, NOON)


@pytest.mark.parametrize("token", ["", "x" * 43, "x" * 100_000, "\udcff", "'; --"])
def test_a_link_that_never_was_is_dead(engine: Engine, password: NewPassword, token: str) -> None:
    assert sign_in_links.found(engine, token, NOON) is None
    with pytest.raises(ClientMistake, match="good no more"):
        used(engine, token, OTHER)


@pytest.mark.parametrize(
    "who", ["nobody", "jefa", "", "nobody@andes.example", "@", "' OR 1=1 --", "x" * 10_000, "ro\x00sa", "%@%", "\udcff"]
)
def test_nobody_is_sent_a_letter_who_is_not_there_or_has_no_address(
    engine: Engine, password: NewPassword, who: str
) -> None:
    assert asked(engine, who) == ""
    with reading(engine) as conn:
        assert conn.execute(select(sign_in_link)).all() == []


def test_who_has_forgotten_his_name_too_gives_his_address(engine: Engine, password: NewPassword) -> None:
    assert asked(engine, " ROSA@andes.EXAMPLE ")
    with reading(engine) as conn:
        (sent,) = letters.newest(conn)
    assert sent.letter.address == "rosa@andes.example"
    assert "rosa" in sent.letter.text


def test_nobody_is_sent_more_than_some_letters_an_hour(engine: Engine, password: NewPassword) -> None:
    minutes = [NOON + timedelta(minutes=number) for number in range(10)]
    sent = [bool(asked(engine, at=at)) for at in minutes]
    assert sent == [True] * sign_in_links.MOST_AN_HOUR + [False] * 7
    assert asked(engine, at=NOON + timedelta(hours=1, minutes=1))
    assert asked(engine, "luis")


def test_without_an_address_of_the_pages_no_letter_is_written(engine: Engine, password: NewPassword) -> None:
    sign_in_links.send_to(engine, Settings(), sign_in_links.meant(engine, "rosa"), ORIGIN, NOON)
    assert links(engine) == []


def test_the_token_stands_in_the_letter_alone(engine: Engine, password: NewPassword) -> None:
    token = asked(engine)
    with reading(engine) as conn:
        kept = str(conn.execute(select(sign_in_link)).all()) + str(audit.newest(conn))
        (sent,) = letters.newest(conn)
    assert token not in kept
    assert token not in sent.letter.subject + sent.letter.message_id
    assert token in sent.letter.html
    assert sent.letter.client_id is not None  # it is erased with its client


def test_the_language_is_the_persons_or_his_firms(engine: Engine, password: NewPassword) -> None:
    with changing(engine, ADMIN, NOON) as work:
        clientele.change(work, "andes", language="en")
    assert asked(engine)
    assert asked(engine, "luis")
    with reading(engine) as conn:
        subjects = [one.letter.subject for one in letters.newest(conn)]
    assert subjects == ["Sur: una contraseña nueva para luis", "Andes: a new password for rosa"]


def test_an_owner_who_is_removed_takes_all_along(engine: Engine, password: NewPassword) -> None:
    person, _, _ = with_app(engine, password)
    with booking(engine, ADMIN, NOON) as work:
        rosa_leaves(work, password)
    with reading(engine) as conn:
        assert conn.execute(select(second_factors)).all() == []
        assert not users.still_valid(engine, person.session_id, NOON)
    assert asked(engine, "rosa@andes.example") == ""


def test_a_client_that_is_erased_takes_its_peoples_apps_and_links_along(engine: Engine, password: NewPassword) -> None:
    person, _, _ = with_app(engine, password)
    asked(engine)
    half(engine, password, NOON)
    with booking(engine, ADMIN, NOON) as work:
        users.users.erase_of_client(work.conn, person.client_id or 0)
        work.note(Verb.CLIENT_ERASED, "andes")
    with reading(engine) as conn:
        for table in (half_sign_in, second_factors, recovery_codes, sign_in_link):
            assert conn.execute(select(table)).all() == [], table.name


def test_an_account_that_was_made_before_has_a_role_and_no_address(engine: Engine, password: NewPassword) -> None:
    person = signed_in(engine, password).person
    assert person.client_role is ClientRole.OWNER
    with reading(engine) as conn:
        values = {"token_hash": "old", "user_id": person.user_id, "began_at": NOON, "seen_at": NOON, "ends_at": NOON}
    with engine.begin() as conn:
        conn.execute(insert(web_session).values(values))
        assert conn.scalar(select(web_session.c.agent).where(web_session.c.token_hash == "old")) == ""


# --- what a passkey is to sign


def test_of_two_challenges_at_one_place_and_instant_the_later_one_holds(engine: Engine, password: NewPassword) -> None:
    """Two tabs of one sign-in. Both transactions are open at once, on SQLite one waits to begin."""
    rosa, until, begins = 1, NOON + timedelta(minutes=5), Event()

    def ask_again() -> None:
        begins.set()
        with writing(engine) as conn:
            passkeys.put_challenge(conn, "sign-in 1", rosa, "second", NOON, until)

    with ThreadPoolExecutor(1) as pool:
        with writing(engine) as conn:
            passkeys.put_challenge(conn, "sign-in 1", rosa, "first", NOON, until)
            second = pool.submit(ask_again)
            assert begins.wait(20)
            if engine.dialect.name == "postgresql":
                wait_for_blocked(engine)
        second.result(20)
    with writing(engine) as conn:
        assert passkeys.take_challenge(conn, "sign-in 1", rosa, NOON) == "second"
        assert passkeys.take_challenge(conn, "sign-in 1", rosa, NOON) == ""


def wait_for_blocked(engine: Engine) -> None:
    """Returns when a transaction of this database waits for another one's end."""
    here = "datname = current_database() AND wait_event = 'transactionid'"
    blocked = text(f"SELECT count(*) FROM pg_stat_activity WHERE {here}")
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with reading(engine) as conn:
            if conn.scalar(blocked):
                return
    raise TimeoutError("nobody waits")
