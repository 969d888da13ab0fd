"""A stand-in for Google: the token endpoint and the part of the Calendar API v3 that we use, as its reference has it.

https://developers.google.com/workspace/calendar/api/v3/reference/events and its guides (sync, errors, quota).
"""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from google.auth import crypt, jwt

ACCOUNT = "agenda@pbx-project.iam.gserviceaccount.com"
REFRESH_TOKEN = "refresh-secret"
ID_LETTERS = set("abcdefghijklmnopqrstuv0123456789")

_private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE_KEY = _private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PUBLIC_KEY = _private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
OTHER_KEY = (
    rsa.generate_private_key(public_exponent=65537, key_size=2048)
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)


def service_account_key(private: str = PRIVATE_KEY) -> str:
    """What Google gives as the key of a service account."""
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "pbx-project",
            "private_key_id": "1",
            "private_key": private,
            "client_email": ACCOUNT,
            "client_id": "1",
            # Where a forged key would have its leave asked for.
            "token_uri": "http://127.0.0.1:9/never",
        }
    )


def oauth_key(refresh_token: str = REFRESH_TOKEN) -> str:
    """What a consent by OAuth gives."""
    return json.dumps(
        {"type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": refresh_token}
    )


@dataclass
class Fault:
    """What the next request gets in the place of its answer; `done`: it is carried out all the same."""

    status: int = 0
    reason: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    done: bool = False
    cut: bool = False
    wait: threading.Event | None = None
    on: str = ""  # only of this method


@dataclass
class Calendar:
    """A calendar: its events by id, and what changed when."""

    role: str = "writer"
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)
    oldest: int = 0  # tokens before it are gone


class Google:
    """The state, and the server that speaks of it."""

    def __init__(self) -> None:
        self.calendars: dict[str, Calendar] = {}
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str]] = []
        self.leave: set[str] = set()
        self.page = 250
        self.meanwhile: Callable[[], None] | None = None  # done before the next patch is looked at
        self._numbers = count(1)
        self.lock = threading.RLock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/"

    @property
    def tokens(self) -> str:
        return f"{self.url}token"

    def share(self, name: str, role: str = "writer") -> Calendar:
        self.calendars[name] = Calendar(role)
        return self.calendars[name]

    def enter(self, name: str, event_id: str = "", **fields: Any) -> dict[str, Any]:
        """The client enters or changes something himself."""
        with self.lock:
            event_id = event_id or f"own{next(self._numbers)}"
            calendar = self.calendars[name]
            old = calendar.events.get(event_id, {"iCalUID": f"{event_id}@google.com", "status": "confirmed"})
            return self._stored(calendar, {**old, "id": event_id, **fields})

    def delete(self, name: str, event_id: str) -> None:
        self.enter(name, event_id, status="cancelled")

    def _stored(self, calendar: Calendar, event: dict[str, Any]) -> dict[str, Any]:
        event["etag"] = f'"{next(self._numbers)}"'
        calendar.events[event["id"]] = event
        calendar.changes.append(event["id"])
        return event

    # --- what it answers -----------------------------------------------------------------------------------------

    def token(self, form: dict[str, list[str]]) -> tuple[int, dict[str, Any]]:
        if form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]:
            try:
                verifier = crypt.RSAVerifier.from_string(PUBLIC_KEY)
                del verifier
                claims = jwt.decode(form["assertion"][0], certs=PUBLIC_KEY, audience=None)
                good = claims["iss"] == ACCOUNT and claims["scope"].endswith("/auth/calendar.events")
            except ValueError:
                good = False
        else:
            good = form.get("refresh_token") == [REFRESH_TOKEN]
        if not good:
            return 400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
        token = f"leave{next(self._numbers)}"
        self.leave.add(token)
        return 200, {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}

    def answer(self, method: str, path: str, query: dict[str, str], headers: Any, body: Any) -> tuple[int, Any]:
        if headers.get("Authorization", "").removeprefix("Bearer ") not in self.leave:
            return _error(401, "authError")
        parts = [unquote(part) for part in path.removeprefix("/calendar/v3/calendars/").split("/")]
        calendar = self.calendars.get(parts[0])
        if calendar is None or parts[1] != "events":
            return _error(404, "notFound")
        match method, parts[2:]:
            case "GET", []:
                return self._list(calendar, query)
            case "POST", []:
                return self._insert(calendar, body)
            case "GET", [event_id]:
                return (200, calendar.events[event_id]) if event_id in calendar.events else _error(404, "notFound")
            case "PATCH", [event_id]:
                return self._patch(calendar, event_id, headers.get("If-Match"), body)
        return _error(404, "notFound")

    def _list(self, calendar: Calendar, query: dict[str, str]) -> tuple[int, Any]:
        if "syncToken" in query and {"timeMin", "timeMax", "iCalUID", "orderBy", "q"} & query.keys():
            return _error(400, "badRequest")
        since = int(query.get("syncToken", "token0").removeprefix("token") or 0)
        if "syncToken" in query and since < calendar.oldest:
            return _error(410, "fullSyncRequired")
        until, start = len(calendar.changes), 0
        if "pageToken" in query:
            until, start = (int(each) for each in query["pageToken"].split("-"))
        ids = list(dict.fromkeys(reversed(calendar.changes[since:until])))[::-1]
        found = [calendar.events[event_id] for event_id in ids if self._is_wanted(calendar.events[event_id], query)]
        limit = min(self.page, int(query.get("maxResults", 250)))
        answer: dict[str, Any] = {"accessRole": calendar.role, "items": found[start : start + limit]}
        if start + limit < len(found):
            answer["nextPageToken"] = f"{until}-{start + limit}"
        elif "timeMin" not in query and "iCalUID" not in query:
            answer["nextSyncToken"] = f"token{until}"
        return 200, answer

    def _is_wanted(self, event: dict[str, Any], query: dict[str, str]) -> bool:
        if event["status"] == "cancelled" and "syncToken" not in query:
            # Days taken out of a series are told with the series.
            return "recurringEventId" in event and query.get("singleEvents") == "false"
        if "iCalUID" in query:
            return bool(event["iCalUID"] == query["iCalUID"])
        if "timeMin" in query:
            since, until = _at(query["timeMin"]), _at(query["timeMax"])
            return _at(event["start"]["dateTime"]) < until and since < _at(event["end"]["dateTime"])
        return True

    def _insert(self, calendar: Calendar, body: dict[str, Any]) -> tuple[int, Any]:
        if calendar.role not in ("writer", "owner"):
            return _error(403, "requiredAccessLevel")
        if body.get("attendees"):
            return _error(403, "forbiddenForServiceAccounts")
        event_id = body["id"]
        if not 5 <= len(event_id) <= 1024 or set(event_id) - ID_LETTERS:
            return _error(400, "invalid")
        if event_id in calendar.events:
            return _error(409, "duplicate")
        return 200, self._stored(calendar, {"iCalUID": f"{event_id}@google.com", **body})

    def _patch(self, calendar: Calendar, event_id: str, condition: str | None, body: dict[str, Any]) -> tuple[int, Any]:
        if self.meanwhile:
            do, self.meanwhile = self.meanwhile, None
            do()
        if calendar.role not in ("writer", "owner"):
            return _error(403, "requiredAccessLevel")
        old = calendar.events.get(event_id)
        if old is None:
            return _error(404, "notFound")
        if condition and condition != old["etag"]:
            return _error(412, "conditionNotMet")
        return 200, self._stored(calendar, {**old, **body})


def _error(status: int, reason: str) -> tuple[int, Any]:
    return status, {"error": {"code": status, "message": reason, "errors": [{"domain": "global", "reason": reason}]}}


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


def _handler(google: Google) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            url = urlsplit(self.path)
            with google.lock:
                google.requests.append((self.command, url.path))
                at = url.path != "/token"
                wanted = [each for each in google.faults[:1] if at and each.on in ("", self.command)]
                fault = wanted[0] if wanted else None
                if fault:
                    google.faults.remove(fault)
            if fault and fault.wait:
                fault.wait.wait(30)
            if fault and not fault.done and not fault.cut:
                self._send(*_error(fault.status, fault.reason), headers=fault.headers)
                return
            status, answer = 0, None
            if not fault or fault.done:
                with google.lock:
                    status, answer = self._answer(url.path, url.query, content)
            if fault and fault.cut:
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
                return
            if fault:
                status, answer = _error(fault.status, fault.reason)
            self._send(status, answer)

        def _answer(self, path: str, query: str, content: bytes) -> tuple[int, Any]:
            if path == "/token":
                return google.token(parse_qs(content.decode()))
            wanted = {name: values[0] for name, values in parse_qs(query).items()}
            body = json.loads(content) if content else None
            return google.answer(self.command, path, wanted, self.headers, body)

        def _send(self, status: int, answer: Any, headers: dict[str, str] | None = None) -> None:
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(content)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = _do

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


@contextmanager
def running() -> Iterator[Google]:
    google = Google()
    thread = threading.Thread(target=google.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield google
    finally:
        google.server.shutdown()
        thread.join()
        google.server.server_close()


def timed(at: datetime, minutes: int = 60, zone: str = "America/Santiago") -> dict[str, Any]:
    """The beginning and the end of an event."""
    return {
        "start": {"dateTime": at.isoformat(), "timeZone": zone},
        "end": {"dateTime": (at + timedelta(minutes=minutes)).isoformat(), "timeZone": zone},
    }
