"""What the page of one's own account shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from pbx_control.catalogue import N_
from pbx_control.domain.browsers import browser_and_system
from pbx_control.domain.passkeys import NAME_LIMIT
from pbx_control.domain.second_factor import address
from pbx_control.domain.users import ClientRole, Person, UserRole
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import brief_time, clean_line
from pbx_control.services.own_account import Own
from pbx_control.store.passkeys import Passkey
from pbx_control.store.users import Session

ROLES: Mapping[str, str] = {
    UserRole.ADMIN: N_("administrator"),
    UserRole.SUPERVISOR: N_("supervisor"),
    UserRole.SECRETARY: N_("secretary"),
    ClientRole.OWNER: N_("owner"),
    ClientRole.STAFF: N_("staff"),
}
ADDRESS_LIMIT = 60


@dataclass(frozen=True, slots=True)
class SessionShown:
    """A place where he is signed in."""

    id: int
    browser: str
    began: str
    seen: str
    origin: str
    this: bool  # the one that looks


@dataclass(frozen=True, slots=True)
class PasskeyShown:
    """One of his passkeys."""

    id: int
    name: str
    added: str
    used: str  # "" if never


@dataclass(frozen=True, slots=True)
class AccountShown:
    """The page."""

    name: str
    firm: str
    role: str
    email: str
    sessions: Sequence[SessionShown]
    has_app: bool
    passkeys: Sequence[PasskeyShown]
    codes_left: int

    @classmethod
    def of(cls, own: Own, person: Person, zone: ZoneInfo, language: str) -> "AccountShown":
        local = own.zone or zone
        return cls(
            name=person.name,
            firm=own.firm,
            role=said(language, ROLES[person.client_role or person.role], {}),
            email=own.email,
            sessions=[_session(one, person, local, language) for one in own.sessions],
            has_app=own.has_app,
            passkeys=[_passkey(one, local, language) for one in own.passkeys],
            codes_left=own.codes_left,
        )


def picture(secret: str, name: str, office: str) -> str:
    """The picture that an app reads, as SVG."""
    # Imported here: few set up an app.
    import segno

    code = segno.make(address(secret, name, office), error="m", micro=False)
    return code.svg_inline(scale=4, border=4, dark="#000", light="#fff", svgclass=None, lineclass=None, omitsize=True)


def browser_in_words(agent: str, language: str) -> str:
    """A browser as its owner knows it."""
    browser, system = browser_and_system(agent)
    if browser and system:
        return said(language, N_("{browser} on {system}"), {"browser": browser, "system": system})
    return browser or system or said(language, N_("an unknown browser"), {})


def _session(one: Session, person: Person, zone: ZoneInfo, language: str) -> SessionShown:
    return SessionShown(
        id=one.id,
        browser=browser_in_words(one.agent, language),
        began=_time(one.began_at, zone, language),
        seen=_time(one.seen_at, zone, language),
        origin=clean_line(one.origin, ADDRESS_LIMIT),
        this=one.id == person.session_id,
    )


def _passkey(one: Passkey, zone: ZoneInfo, language: str) -> PasskeyShown:
    used = _time(one.used_at, zone, language) if one.used_at else ""
    return PasskeyShown(one.id, clean_line(one.name, NAME_LIMIT), _time(one.added_at, zone, language), used)


def _time(at: datetime, zone: ZoneInfo, language: str) -> str:
    return brief_time(at.astimezone(zone), language)
