"""A remote calendar by CalDAV (RFC 4791), with changes by sync token (RFC 6578) where the server has them."""

import hashlib
import xml.etree.ElementTree as ET
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, unquote, urljoin, urlsplit

import httpx

from pbx_control.calendars.http import Answer, Asks, retry_after
from pbx_control.calendars.remote import Changes, RemoteTrouble, TroubleKind
from pbx_control.catalogue import N_
from pbx_control.clock import now
from pbx_control.domain.agenda.busy import RemoteEvent, uid_of
from pbx_control.domain.agenda.mirrored import Mirrored, caldav_event, caldav_name, sequence_in

# Events that are asked for at once.
AT_ONCE = 100
# Events of one calendar, and parts of one answer to what has changed.
MOST_EVENTS, MOST_PAGES = 50_000, 1000
# How often an appointment is put anew that somebody else changes at the same time.
MOST_TRIES = 3
# A token of ours, for a server that has none: the digest of all versions.
DIGEST: Final = "digest:"
LONGEST_NAME = 1000  # characters of an event's address
MOST_ELEMENTS = 600_000  # of one answer: so many versions have 50,000 events, with room to spare

DAV, CALDAV = "{DAV:}", "{urn:ietf:params:xml:ns:caldav}"
_NO_REPORT = (400, 403, 405, 415, 422, 501)
_WRITES = frozenset({f"{DAV}all", f"{DAV}write", f"{DAV}write-content", f"{DAV}bind"})

for _prefix, _namespace in (("d", DAV), ("c", CALDAV)):
    ET.register_namespace(_prefix, _namespace.strip("{}"))


@dataclass(frozen=True, slots=True)
class _Row:
    """One response of a multistatus."""

    href: str
    status: int
    props: Mapping[str, ET.Element] = field(default_factory=dict)

    def text(self, name: str) -> str:
        found = self.props.get(name)
        return (found.text or "") if found is not None else ""


@dataclass(frozen=True, slots=True)
class _Status:
    """A multistatus: its rows, and the token in it."""

    rows: Sequence[_Row]
    token: str = ""


class CalDav:
    """The calendar at `url`. `limit`: seconds for each request."""

    def __init__(
        self,
        http: Asks,
        url: str,
        user: str,
        password: str,
        *,
        limit: float = 30.0,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._http = http
        self._url = url if url.endswith("/") else f"{url}/"
        self._path = unquote(urlsplit(self._url).path)
        self._auth = _Auth(user, password)
        self._limit = limit
        self._clock = clock

    def check(self) -> None:
        """Whether it can be read and written. Raises RemoteTrouble saying what is wrong."""
        wanted = _element(
            f"{DAV}propfind",
            _element(
                f"{DAV}prop",
                _element(f"{DAV}resourcetype"),
                _element(f"{DAV}current-user-privilege-set"),
                _element(f"{CALDAV}supported-calendar-component-set"),
            ),
        )
        rows = self._multistatus("PROPFIND", wanted, depth="0").rows
        found = rows[0].props if rows else {}
        kind = found.get(f"{DAV}resourcetype")
        if kind is None or kind.find(f"{CALDAV}calendar") is None:
            raise self._trouble(
                N_("there is no calendar at {url}: it is the address of something else"), TroubleKind.MISSING
            )
        kinds = found.get(f"{CALDAV}supported-calendar-component-set")
        if kinds is not None and len(kinds) and not any(each.get("name", "").upper() == "VEVENT" for each in kinds):
            raise self._trouble(N_("the calendar at {url} takes no events"), TroubleKind.MISSING)
        rights = found.get(f"{DAV}current-user-privilege-set")
        if rights is not None and not _WRITES & {each.tag for right in rights for each in right}:
            raise self._trouble(N_("the calendar at {url} can be read, but not written"), TroubleKind.READ_ONLY)

    def changes(self, token: str) -> Changes:
        """What changed since the token; with an empty one, and with one that is too old, all events."""
        if token.startswith(DIGEST):
            return self._by_digest(token)
        try:
            return self._since(token)
        except RemoteTrouble as trouble:
            if trouble.kind is not TroubleKind.GONE or not token:
                raise
        return self._since("")

    def events(self, since: datetime, until: datetime) -> Sequence[RemoteEvent]:
        """What may take time between two instants, read anew."""
        span = _element(f"{CALDAV}time-range", start=f"{since:%Y%m%dT%H%M%SZ}", end=f"{until:%Y%m%dT%H%M%SZ}")
        return self._queried(span)

    def put(self, one: Mirrored) -> None:
        """Has the appointment stand there as it is; again and again does no harm."""
        address = urljoin(self._url, caldav_name(one.uid))
        if one.sequence == 0:
            answer = self._put(address, one, {"If-None-Match": "*"})
            if answer.status < 300:
                return
            address = self._place_after(answer, address, one.uid)
        for _ in range(MOST_TRIES):
            old, condition = self._as_it_stands(address)
            standing = sequence_in(old, one.uid)
            if standing is not None and standing > one.sequence:
                return
            answer = self._put(address, one, condition, old)
            if answer.status < 300:
                return
            address = self._place_after(answer, address, one.uid)
        raise self._trouble(N_("an event at {url} is changed by somebody else again and again"), TroubleKind.CHANGED)

    def close(self) -> None:
        """Nothing: the connections are those of all calendars."""

    # --- reading ------------------------------------------------------------------------------------------------

    def _since(self, token: str) -> Changes:
        whole = not token
        changed: dict[str, bool] = {}  # by its address: whether it is there
        for _ in range(MOST_PAGES):
            status, more = self._page(token)
            if status is None:
                return self._by_digest("")
            for row in status.rows:
                if (name := self._own_name(row.href)) is not None:
                    changed[name] = row.status != 404
            if len(changed) > MOST_EVENTS:
                raise self._trouble(N_("the calendar at {url} has too many events"), TroubleKind.ODD)
            if more and status.token == token:
                raise self._trouble(N_("the calendar at {url} does not tell all its changes"), TroubleKind.ODD)
            token = status.token
            if not more:
                break
        events, vanished = self._loaded([name for name, there in changed.items() if there])
        gone = [name for name, there in changed.items() if not there] + vanished
        return Changes(events, [] if whole else gone, token, whole)

    def _page(self, token: str) -> tuple[_Status | None, bool]:
        """What changed since a token, and whether there is more; None if the server has no such report."""
        wanted = _element(
            f"{DAV}sync-collection",
            _element(f"{DAV}sync-token", text=token),
            _element(f"{DAV}sync-level", text="1"),
            _element(f"{DAV}prop", _element(f"{DAV}getetag")),
        )
        answer = self._ask("REPORT", self._url, wanted, depth="0")
        if (b"valid-sync-token" in answer.body[:4000] and answer.status >= 400) or answer.status in (409, 410, 412):
            raise self._trouble(N_("the calendar at {url} has forgotten what was read"), TroubleKind.GONE)
        if answer.status in _NO_REPORT and not token:
            return None, False
        status = self._parsed(answer)
        more = any(row.status == 507 and self._own_name(row.href) is None for row in status.rows)
        if not status.token:
            return None, False
        return status, more

    def _by_digest(self, token: str) -> Changes:
        """Where the server has no sync tokens: all versions are asked for, and all events if one has changed."""
        wanted = _element(f"{DAV}propfind", _element(f"{DAV}prop", _element(f"{DAV}getetag")))
        versions = sorted(
            (name, row.text(f"{DAV}getetag"))
            for row in self._multistatus("PROPFIND", wanted, depth="1").rows
            if (name := self._own_name(row.href)) is not None
        )
        now_is = DIGEST + hashlib.sha256(repr(versions).encode()).hexdigest()
        if now_is == token:
            return Changes([], [], token, whole=False)
        if len(versions) > MOST_EVENTS:
            raise self._trouble(N_("the calendar at {url} has too many events"), TroubleKind.ODD)
        events, _ = self._loaded([name for name, _ in versions])
        return Changes(events, [], now_is, whole=True)

    def _loaded(self, names: Sequence[str]) -> tuple[list[RemoteEvent], list[str]]:
        """The events at these addresses, and the addresses where there is none any more."""
        found: list[RemoteEvent] = []
        for first in range(0, len(names), AT_ONCE):
            wanted = _element(
                f"{CALDAV}calendar-multiget",
                _element(f"{DAV}prop", _element(f"{DAV}getetag"), _element(f"{CALDAV}calendar-data")),
                *(_element(f"{DAV}href", text=quote(name)) for name in names[first : first + AT_ONCE]),
            )
            found += self._events_of(self._multistatus("REPORT", wanted, depth="1"))
        there = {each.key for each in found}
        return found, [name for name in names if name not in there]

    def _queried(self, condition: ET.Element) -> list[RemoteEvent]:
        event = _element(f"{CALDAV}comp-filter", condition, name="VEVENT")
        wanted = _element(
            f"{CALDAV}calendar-query",
            _element(f"{DAV}prop", _element(f"{DAV}getetag"), _element(f"{CALDAV}calendar-data")),
            _element(f"{CALDAV}filter", _element(f"{CALDAV}comp-filter", event, name="VCALENDAR")),
        )
        return list(self._events_of(self._multistatus("REPORT", wanted, depth="1")))

    def _events_of(self, status: _Status) -> Iterator[RemoteEvent]:
        for row in status.rows:
            name, ical = self._own_name(row.href), row.text(f"{CALDAV}calendar-data")
            if name is not None and ical:
                yield RemoteEvent(name, uid_of(ical), ical, row.text(f"{DAV}getetag"))

    def _own_name(self, href: str) -> str | None:
        """The path that an event's address has, one of this calendar's; None if it is none."""
        path = unquote(urlsplit(urljoin(self._url, href)).path)
        is_own = path.startswith(self._path) and len(path) > len(self._path) and not path.endswith("/")
        return path if is_own and len(path) <= LONGEST_NAME else None

    # --- writing ------------------------------------------------------------------------------------------------

    def _put(self, address: str, one: Mirrored, condition: Mapping[str, str], old: str = "") -> Answer:
        content = caldav_event(one, self._clock(), old).encode()
        headers = {"Content-Type": "text/calendar; charset=utf-8", **condition}
        answer = self._ask("PUT", address, content, headers=headers)
        if answer.status < 300 or answer.status in (403, 409, 412):
            return answer
        raise self._failed(answer)

    def _as_it_stands(self, address: str) -> tuple[str, Mapping[str, str]]:
        """What stands there, and the condition under which it is to be replaced."""
        answer = self._ask("GET", address)
        if answer.status in (404, 410):
            return "", {"If-None-Match": "*"}
        if answer.status != 200:
            raise self._failed(answer)
        version = answer.headers.get("etag", "")
        # A weak version is good for no condition.
        condition = {"If-Match": version} if version and not version.startswith("W/") else {}
        return answer.body.decode("utf-8", "replace"), condition

    def _place_after(self, answer: Answer, address: str, uid: str) -> str:
        """Where it is to be put after this refusal: the same place if that has changed, or where the event with that
        UID stands, of which the server takes no second one. Raises RemoteTrouble."""
        is_elsewhere = b"uid-conflict" in answer.body  # xandikos says 412 to that, too
        if answer.status == 412 and not is_elsewhere:
            return address
        if is_elsewhere or answer.status == 409:
            match = _element(f"{CALDAV}text-match", text=uid, collation="i;octet")
            found = self._queried(_element(f"{CALDAV}prop-filter", match, name="UID"))
            for event in found:
                if event.uid == uid:
                    return urljoin(self._url, quote(event.key))
        raise self._failed(answer)

    # --- requests -----------------------------------------------------------------------------------------------

    def _multistatus(self, method: str, wanted: ET.Element, *, depth: str) -> _Status:
        return self._parsed(self._ask(method, self._url, wanted, depth=depth))

    def _ask(
        self,
        method: str,
        url: str,
        wanted: ET.Element | bytes = b"",
        *,
        depth: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        all_headers = dict(headers or {}) | ({"Depth": depth} if depth else {})
        if isinstance(wanted, bytes):
            content = wanted
        else:
            content = ET.tostring(wanted, "utf-8", xml_declaration=True)
            all_headers["Content-Type"] = "application/xml; charset=utf-8"
        return self._http.ask(method, url, limit=self._limit, headers=all_headers, content=content, auth=self._auth)

    def _parsed(self, answer: Answer) -> _Status:
        if answer.status != 207:
            raise self._failed(answer)
        try:
            return _multistatus(answer.body)
        except (ET.ParseError, ValueError) as error:
            raise self._trouble(N_("{url} answers what is no CalDAV"), TroubleKind.ODD) from error

    def _failed(self, answer: Answer) -> RemoteTrouble:
        """What an answer means that is none to what was asked."""
        wait = retry_after(answer.headers)
        match answer.status:
            case 401:
                return self._trouble(N_("{url} refuses this user and password"), TroubleKind.UNAUTHORISED)
            case 403:
                return self._trouble(N_("{url} does not allow that to this user"), TroubleKind.FORBIDDEN)
            case 404 | 410:
                return self._trouble(N_("there is no calendar at {url}"), TroubleKind.MISSING)
            case 409:
                return self._trouble(N_("{url} has something else in that place"), TroubleKind.CONFLICT)
            case 412:
                return self._trouble(N_("an event at {url} was changed by somebody else"), TroubleKind.CHANGED)
            case 429:
                return self._trouble(N_("{url} asks to wait"), TroubleKind.LIMITED, wait)
            case status if 300 <= status < 400:
                to = answer.headers.get("location", "")[:200]
                return self._trouble(N_("{url} sends elsewhere, to {to}: give that address"), TroubleKind.ODD, to=to)
            case status if status >= 500:
                return self._trouble(
                    N_("{url} answers with its own fault {status}"), TroubleKind.SERVER, wait, status=status
                )
            case status:
                return self._trouble(N_("{url} answers what is no CalDAV"), TroubleKind.ODD, status=status)

    def _trouble(self, template: str, kind: TroubleKind, wait: float | None = None, **values: Any) -> RemoteTrouble:
        return RemoteTrouble(template, kind, retry_after=wait, url=self._url[:200], **values)


class _Auth(httpx.Auth):
    """Basic at once; Digest where the server asks for it."""

    def __init__(self, user: str, password: str) -> None:
        self._basic = httpx.BasicAuth(user, password)
        self._digest = httpx.DigestAuth(user, password)
        self._asks_digest = False

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        if not self._asks_digest:
            response = yield next(self._basic.auth_flow(request))
            offered = response.headers.get("www-authenticate", "").lower()
            if response.status_code != 401 or "digest" not in offered or "basic" in offered:
                return
            self._asks_digest = True
            del request.headers["Authorization"]
        yield from self._digest.auth_flow(request)


# --- XML ------------------------------------------------------------------------------------------------------


class _Sober(ET.TreeBuilder):
    """A document that declares anything is none of CalDAV: entities could make it grow without end. Nor is one of
    elements without end, each of which takes many times its length."""

    def __init__(self) -> None:
        super().__init__()
        self._left = MOST_ELEMENTS

    def start(self, tag: Any, attrs: Any, /) -> ET.Element:
        self._left -= 1
        if self._left < 0:
            raise ValueError("too many elements")
        return super().start(tag, attrs)

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError(f"a document type: {name}, {pubid}, {system}")


def _element(tag: str, *children: ET.Element, text: str = "", **attributes: str) -> ET.Element:
    made = ET.Element(tag, attributes)
    made.text = text or None
    made.extend(children)
    return made


def _multistatus(body: bytes) -> _Status:
    """Raises ParseError or ValueError."""
    root = ET.fromstring(body, ET.XMLParser(target=_Sober()))
    if root.tag != f"{DAV}multistatus":
        raise ValueError(root.tag)
    rows = [_row(each) for each in root.findall(f"{DAV}response")]
    return _Status(rows, (root.findtext(f"{DAV}sync-token") or "").strip())


def _row(response: ET.Element) -> _Row:
    props: dict[str, ET.Element] = {}
    for part in response.findall(f"{DAV}propstat"):
        if _code(part) in (200, 0):
            props |= {each.tag: each for found in part.findall(f"{DAV}prop") for each in found}
    return _Row((response.findtext(f"{DAV}href") or "").strip(), _code(response), props)


def _code(element: ET.Element) -> int:
    """The number in its status line, 0 if it has none."""
    words = (element.findtext(f"{DAV}status") or "").split()
    return int(words[1]) if len(words) > 1 and words[1].isdecimal() else 0
