"""A remote calendar at Google, by its official client library over our own connections.

Whose calendar it is shares it with a service account (a key as JSON), or gives leave by OAuth (a refresh token as JSON,
"authorized_user"). The library's own copy of the API's description is used: nothing is asked for before the first
request.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import google.auth.transport
import httplib2
from google.auth.credentials import Credentials
from google.auth.exceptions import GoogleAuthError, RefreshError
from google.oauth2 import credentials as oauth
from google.oauth2 import service_account
from googleapiclient.discovery import build_from_document
from googleapiclient.discovery_cache import get_static_doc
from googleapiclient.errors import HttpError

from pbx_control.calendars.http import Answer, Asks, retry_after
from pbx_control.calendars.remote import Changes, RemoteTrouble, TroubleKind
from pbx_control.catalogue import N_
from pbx_control.domain.agenda.busy import RemoteEvent
from pbx_control.domain.agenda.mirrored import GOOGLE_SEQUENCE, GOOGLE_UID, Mirrored, google_event, google_id
from pbx_control.errors import ClientMistake, Code

SCOPE: Final = "https://www.googleapis.com/auth/calendar.events"
API, TOKENS = "https://www.googleapis.com/", "https://oauth2.googleapis.com/token"
# Events of one page, the most that the API gives, and of one calendar.
PAGE, MOST_EVENTS = 2500, 50_000
# How often an appointment is put anew that somebody else changes at the same time.
MOST_TRIES = 3
SERVICE_ACCOUNT, USER = "service_account", "authorized_user"

_LIMITED = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded"})
_NOT_SWITCHED_ON = frozenset({"accessNotConfigured", "SERVICE_DISABLED"})
_READS_ONLY = frozenset({"freeBusyReader", "reader", "none"})
_FIELDS = (
    "nextPageToken,nextSyncToken,accessRole,items(id,etag,iCalUID,status,transparency,start,end,recurrence,"
    "recurringEventId,originalStartTime,attendees(self,responseStatus),extendedProperties/private)"
)

Item = Mapping[str, Any]


class GoogleKey:
    """By whom a calendar is read and written. `tokens` is where leave is asked for, whatever the key says of that."""

    def __init__(self, content: str, *, tokens: str = TOKENS) -> None:
        """Raises ClientMistake if that is no key."""
        try:
            known = json.loads(content)
            self.is_service_account = known["type"] == SERVICE_ACCOUNT
            self.account = str(known.get("client_email", "") or known.get("account", ""))
            self.credentials = self._made({**known, "token_uri": tokens})
        except (ValueError, KeyError, TypeError, AttributeError, GoogleAuthError) as error:
            raise ClientMistake(
                "this is no key of a service account, nor leave by OAuth, as Google gives them: a file in JSON",
                Code.BAD_FILE,
            ) from error

    def _made(self, known: dict[str, Any]) -> Credentials:
        if self.is_service_account:
            made = service_account.Credentials.from_service_account_info(known, scopes=[SCOPE])  # type: ignore[no-untyped-call]
        elif known["type"] == USER:
            made = oauth.Credentials(  # type: ignore[no-untyped-call]
                None,
                refresh_token=known["refresh_token"],
                client_id=known["client_id"],
                client_secret=known["client_secret"],
                token_uri=known["token_uri"],
                scopes=[SCOPE],
            )
        else:
            raise ValueError(known["type"])
        assert isinstance(made, Credentials)
        return made


class GoogleCalendar:
    """The calendar `name` (its id, mostly an e-mail address). `limit`: seconds for each request."""

    def __init__(self, http: Asks, name: str, key: GoogleKey, *, limit: float = 30.0, api: str = API) -> None:
        self._name = name
        self._key = key
        self._transport = _Transport(http, key.credentials, limit)
        self._events = _service(api).events()
        # Google counts requests by user: the office's service account is one for all clients' calendars.
        self._which = {"calendarId": name, "quotaUser": sha256(name.encode()).hexdigest()[:40]}

    def check(self) -> None:
        """Whether it can be read and written. Raises RemoteTrouble saying what is wrong."""
        found = self._done(self._events.list(**self._which, maxResults=1, fields="accessRole"))
        if found.get("accessRole") in _READS_ONLY:
            raise self._trouble(
                N_("the calendar {calendar} can be read, but not written: share it with leave to change events"),
                TroubleKind.READ_ONLY,
            )

    def changes(self, token: str) -> Changes:
        """What changed since the token; with an empty one, and with one that is too old, all events."""
        if token:
            try:
                return self._since(token)
            except RemoteTrouble as trouble:
                if trouble.kind is not TroubleKind.GONE:
                    raise
        items, token = self._listed(maxResults=PAGE, singleEvents=False)
        return Changes(
            [_event(key, parts) for key, parts in _series(items).items() if _is_there(key, parts)], [], token, True
        )

    def events(self, since: datetime, until: datetime) -> Sequence[RemoteEvent]:
        """What may take time between two instants, read anew; each occurrence of a series is one event."""
        items, _ = self._listed(
            maxResults=PAGE, singleEvents=True, timeMin=_written(since), timeMax=_written(until), orderBy="startTime"
        )
        return [_event(str(item["id"]), [_alone(item)]) for item in items if item.get("status") != "cancelled"]

    def put(self, one: Mirrored) -> None:
        """Has the appointment stand there as it is; again and again does no harm."""
        body = google_event(one)
        if one.sequence == 0 and self._inserted(body):
            return
        for _ in range(MOST_TRIES):
            there = self._found(body["id"])
            if there is None:
                if self._inserted(body):
                    return
                continue
            private = there.get("extendedProperties", {}).get("private", {})
            if private.get(GOOGLE_UID) != one.uid:
                raise self._trouble(
                    N_("the calendar {calendar} has something else in that place"), TroubleKind.CONFLICT
                )
            if _number(private.get(GOOGLE_SEQUENCE)) > one.sequence and there.get("status") != "cancelled":
                return
            if self._patched(body, str(there.get("etag", ""))):
                return
        raise self._trouble(
            N_("an event of the calendar {calendar} is changed by somebody else again and again"), TroubleKind.CHANGED
        )

    def close(self) -> None:
        """Nothing: the connections are those of all calendars."""

    # --- reading ------------------------------------------------------------------------------------------------

    def _since(self, token: str) -> Changes:
        items, token = self._listed(maxResults=PAGE, singleEvents=False, syncToken=token)
        events: list[RemoteEvent] = []
        gone: list[str] = []
        for key, parts in _series(items).items():
            # Of a series only what changed is told: an exception without its series, or the other way round.
            is_series = len(parts) > 1 or parts[0]["id"] != key or "recurrence" in parts[0]
            all_parts = self._whole_series(key, parts) if is_series else parts
            if _is_there(key, all_parts):
                events.append(_event(key, all_parts))
            else:
                gone.append(key)
        return Changes(events, gone, token, whole=False)

    def _whole_series(self, key: str, changed: Sequence[Item]) -> Sequence[Item]:
        master = self._found(key)
        if master is None or master.get("status") == "cancelled":
            # Of a series that is somebody else's one may have been asked to single days only.
            return [each for each in changed if each["id"] != key and each.get("status") != "cancelled"]
        items, _ = self._listed(maxResults=PAGE, singleEvents=False, iCalUID=master["iCalUID"])
        return _series(items).get(key, [master])

    def _listed(self, **wanted: Any) -> tuple[list[Item], str]:
        """All pages, and the next sync token, if there is one."""
        items: list[Item] = []
        page: dict[str, str] = {}
        while True:
            found = self._done(self._events.list(**self._which, fields=_FIELDS, **wanted, **page))
            items += [each for each in found.get("items", ()) if isinstance(each, dict) and "id" in each]
            if len(items) > MOST_EVENTS:
                raise self._trouble(N_("the calendar {calendar} has too many events"), TroubleKind.ODD)
            if page == (page := {"pageToken": str(found.get("nextPageToken", ""))}):
                raise self._trouble(N_("the calendar {calendar} does not tell all its changes"), TroubleKind.ODD)
            if not page["pageToken"]:
                return items, str(found.get("nextSyncToken", ""))

    def _found(self, event_id: str) -> Item | None:
        try:
            return self._done(self._events.get(**self._which, eventId=event_id))
        except RemoteTrouble as trouble:
            if trouble.kind in (TroubleKind.MISSING, TroubleKind.NOT_SHARED, TroubleKind.GONE):
                return None
            raise

    # --- writing ------------------------------------------------------------------------------------------------

    def _inserted(self, body: Mapping[str, Any]) -> bool:
        """False if it is there already: an answer may have been lost, or the client has deleted it."""
        try:
            self._done(self._events.insert(**self._which, body=body, sendUpdates="none", fields="id"))
        except RemoteTrouble as trouble:
            if trouble.kind is TroubleKind.CONFLICT:
                return False
            raise
        return True

    def _patched(self, body: Mapping[str, Any], version: str) -> bool:
        """False if somebody changed it meanwhile."""
        changes = {name: value for name, value in body.items() if name != "id"}
        request = self._events.patch(
            **self._which, eventId=body["id"], body=changes, sendUpdates="none", fields="id"
        )
        if version:
            request.headers["If-Match"] = version
        try:
            self._done(request)
        except RemoteTrouble as trouble:
            if trouble.kind in (TroubleKind.CHANGED, TroubleKind.MISSING, TroubleKind.NOT_SHARED, TroubleKind.GONE):
                return False
            raise
        return True

    # --- requests -----------------------------------------------------------------------------------------------

    def _done(self, request: Any) -> Item:
        try:
            found = request.execute(http=self._transport)
        except HttpError as error:
            raise self._failed(error) from error
        except RefreshError as error:
            raise self._without_leave(error) from error
        except GoogleAuthError as error:
            raise self._trouble(
                N_("Google gives no leave at present: {why}"), TroubleKind.SERVER, why=_brief(error)
            ) from error
        except (ValueError, httplib2.HttpLib2Error) as error:
            raise self._trouble(N_("Google answers what is none of its calendar's"), TroubleKind.ODD) from error
        return found if isinstance(found, dict) else {}

    def _without_leave(self, error: RefreshError) -> RemoteTrouble:
        if error.retryable:
            return self._trouble(N_("Google gives no leave at present: {why}"), TroubleKind.SERVER, why=_brief(error))
        template = (
            N_("Google takes this service account's key no more: {why}")
            if self._key.is_service_account
            else N_("Google's leave by OAuth is used up or was taken back: {why}")
        )
        return self._trouble(template, TroubleKind.UNAUTHORISED, why=_brief(error))

    def _failed(self, error: HttpError) -> RemoteTrouble:
        """What Google's answer means: https://developers.google.com/workspace/calendar/api/guides/errors."""
        reasons = _reasons(error)
        wait = retry_after({name.lower(): str(value) for name, value in error.resp.items()})
        match int(error.resp.status):
            case 401:
                return self._trouble(N_("Google refuses this key"), TroubleKind.UNAUTHORISED)
            case 403 | 429 if reasons & _LIMITED or int(error.resp.status) == 429:
                return self._trouble(N_("Google asks to wait: too many requests"), TroubleKind.LIMITED, wait)
            case 403 if reasons & _NOT_SWITCHED_ON:
                return self._trouble(
                    N_("the Calendar API is not switched on in the Google project of this key"), TroubleKind.FORBIDDEN
                )
            case 403:
                return self._trouble(
                    N_("Google does not allow that to {account}: share {calendar} with leave to change events"),
                    TroubleKind.FORBIDDEN,
                )
            case 404 if self._key.is_service_account:
                return self._trouble(
                    N_("there is no calendar {calendar}, or it is not shared with {account}"), TroubleKind.NOT_SHARED
                )
            case 404:
                return self._trouble(N_("there is no calendar {calendar}"), TroubleKind.MISSING)
            case 409:
                return self._trouble(
                    N_("the calendar {calendar} has something else in that place"), TroubleKind.CONFLICT
                )
            case 410:
                return self._trouble(N_("the calendar {calendar} has forgotten what was read"), TroubleKind.GONE)
            case 412:
                return self._trouble(
                    N_("an event of the calendar {calendar} was changed by somebody else"), TroubleKind.CHANGED
                )
            case status if status >= 500:
                return self._trouble(
                    N_("Google answers with its own fault {status}"), TroubleKind.SERVER, wait, status=status
                )
            case status:
                return self._trouble(
                    N_("Google refuses the request: {status} {why}"), TroubleKind.ODD, status=status, why=_brief(error)
                )

    def _trouble(self, template: str, kind: TroubleKind, wait: float | None = None, **values: Any) -> RemoteTrouble:
        return RemoteTrouble(
            template, kind, retry_after=wait, calendar=self._name[:200], account=self._key.account[:200], **values
        )


# --- the library ----------------------------------------------------------------------------------------------


@lru_cache
def _service(api: str) -> Any:
    """The API at that address, made from the description that the library brings along; it takes long to make."""
    document = get_static_doc("calendar", "v3")
    return build_from_document(
        document, http=_NoTransport(), client_options={"api_endpoint": f"{api.rstrip('/')}/calendar/v3/"}
    )


class _NoTransport:
    """Each request brings its own."""

    def request(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("a request without a calendar's own connection")


class _Transport:
    """What the library takes for httplib2: our own connections, with leave."""

    def __init__(self, http: Asks, credentials: Credentials, limit: float) -> None:
        self._credentials = credentials
        self._limit = limit
        self._http = http
        self._tokens = _TokenTransport(http, limit)

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> tuple[httplib2.Response, bytes]:
        answer = self._asked(uri, method, body, headers)
        if answer.status == 401:
            # Leave is good for an hour, and may be taken back before.
            self._credentials.refresh(self._tokens)  # type: ignore[no-untyped-call]
            answer = self._asked(uri, method, body, headers)
        response = httplib2.Response({**answer.headers, "status": str(answer.status)})
        response.reason = answer.reason
        return response, answer.body

    def _asked(self, uri: str, method: str, body: str | bytes | None, headers: Mapping[str, str] | None) -> Answer:
        if not self._credentials.valid:
            self._credentials.refresh(self._tokens)  # type: ignore[no-untyped-call]
        content = body.encode() if isinstance(body, str) else body or b""
        leave = {"Authorization": f"Bearer {self._credentials.token}"}
        wanted = {name: value for name, value in (headers or {}).items() if name.lower() != "content-length"} | leave
        return self._http.ask(method, uri, limit=self._limit, headers=wanted, content=content)


class _TokenTransport(google.auth.transport.Request):
    """How the library asks for leave."""

    def __init__(self, http: Asks, limit: float) -> None:
        self._http = http
        self._limit = limit

    def __call__(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        **_: Any,
    ) -> "_TokenAnswer":
        content = body.encode() if isinstance(body, str) else body or b""
        return _TokenAnswer(self._http.ask(method, url, limit=self._limit, headers=headers, content=content))


class _TokenAnswer(google.auth.transport.Response):
    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    @property
    def status(self) -> int:
        return self._answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        return self._answer.headers

    @property
    def data(self) -> bytes:
        return self._answer.body


def _reasons(error: HttpError) -> set[str]:
    """The reasons in an answer's body."""
    try:
        said = json.loads(error.content)["error"]
        listed = [*said.get("errors", ()), *said.get("details", ())]
        return {str(each.get("reason", "")) for each in listed}
    except (ValueError, KeyError, TypeError, AttributeError):
        return set()


def _brief(error: Exception) -> str:
    return str(error.args[0] if error.args else error)[:200]


# --- events as iCalendar --------------------------------------------------------------------------------------


def _series(items: Sequence[Item]) -> dict[str, list[Item]]:
    """Events with their exceptions, by the series' id; the series itself comes first."""
    found: dict[str, list[Item]] = {}
    for item in items:
        found.setdefault(str(item.get("recurringEventId") or item["id"]), []).append(item)
    for key, parts in found.items():
        parts.sort(key=lambda part: part["id"] != key)
    return found


def _is_there(key: str, parts: Sequence[Item]) -> bool:
    """Whether anything is left of it."""
    return bool(parts) and (parts[0]["id"] != key or parts[0].get("status") != "cancelled")


def _alone(item: Item) -> Item:
    """An occurrence as an event of its own."""
    return {name: value for name, value in item.items() if name not in ("recurringEventId", "originalStartTime")}


def _event(key: str, parts: Sequence[Item]) -> RemoteEvent:
    uid = _own_uid(parts[0]) or str(parts[0].get("iCalUID", key))
    lines = [line for part in parts for line in _lines(uid, part)]
    ical = "\r\n".join(
        ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//pbx-control//google//EN", *lines, "END:VCALENDAR", ""]
    )
    return RemoteEvent(key, uid, ical, str(parts[0].get("etag", "")))


def _own_uid(item: Item) -> str:
    """Our UID, if the event is ours: a copy that the client made has our UID, and another id."""
    uid = str(item.get("extendedProperties", {}).get("private", {}).get(GOOGLE_UID, ""))
    return uid if uid and google_id(uid) == item["id"] else ""


def _lines(uid: str, item: Item) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{_line(uid)}"
    if "originalStartTime" in item:
        yield from _time("RECURRENCE-ID", item["originalStartTime"])
    # A day that was taken out of a series has nothing but its first time.
    yield from _time("DTSTART", item.get("start") or item.get("originalStartTime") or {})
    if "end" in item:
        yield from _time("DTEND", item["end"])
    for line in item.get("recurrence", ()):
        yield _line(str(line))
    declined = any(each.get("self") and each.get("responseStatus") == "declined" for each in item.get("attendees", ()))
    if item.get("transparency") == "transparent" or declined:
        yield "TRANSP:TRANSPARENT"
    if item.get("status") == "cancelled":
        yield "STATUS:CANCELLED"
    yield "END:VEVENT"


def _time(name: str, said: Mapping[str, str]) -> Iterator[str]:
    """A time of Google's; a series counts in its own zone."""
    try:
        if "date" in said:
            yield f"{name};VALUE=DATE:{date.fromisoformat(said['date']):%Y%m%d}"
        elif "dateTime" in said:
            yield _instant(name, datetime.fromisoformat(said["dateTime"]), said.get("timeZone", ""))
    except (ValueError, TypeError):
        yield f"{name}:{_line(repr(said))}"  # it is told as one that cannot be understood


def _instant(name: str, at: datetime, zone: str) -> str:
    try:
        here = ZoneInfo(zone) if zone else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        here = None
    if at.tzinfo is None:
        return f"{name};TZID={here.key}:{at:%Y%m%dT%H%M%S}" if here else f"{name}:{at:%Y%m%dT%H%M%S}"
    if here is None:
        return f"{name}:{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    return f"{name};TZID={here.key}:{at.astimezone(here):%Y%m%dT%H%M%S}"


def _line(text: str) -> str:
    return " ".join(text.split())


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _number(text: object) -> int:
    return int(text) if isinstance(text, str) and text.isdecimal() and len(text) < 10 else 0
