"""A stand-in for Telegram's servers: the Bot API's sendMessage, sendVoice and sendDocument as documented.

https://core.telegram.org/bots/api, "Making requests" and "ResponseParameters": POST to /bot<token>/METHOD, the
answer is JSON with `ok` and `result`, or `error_code`, `description` and `parameters`; the HTTP status is the code.
"""

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

TOKEN = "123456:secret-token"


class Server(ThreadingHTTPServer):
    # Sixteen letters connect at once; beyond the usual five a busy machine resets connections.
    request_queue_size = 128


class Refusal(Exception):
    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters


@dataclass
class Sent:
    method: str
    fields: dict[str, str]
    files: dict[str, bytes]
    names: dict[str, str]


@dataclass
class TelegramServer:
    """`refusals` are given to the next requests, `migrated` names groups that became supergroups."""

    refusals: list[Refusal] = field(default_factory=list)
    migrated: dict[str, int] = field(default_factory=dict)
    voices_forbidden: bool = False
    most_a_minute: int = 0  # to one chat, by `clock`; 0: as many as one likes
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    pause: int = 42  # seconds that it asks to wait then
    silent: int = 0  # so many of the next messages are taken and never answered
    requests: int = 0
    sent: list[Sent] = field(default_factory=list)
    _times: defaultdict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    _paused: defaultdict[str, datetime] = field(
        default_factory=lambda: defaultdict(lambda: datetime.min.replace(tzinfo=UTC))
    )

    def start(self) -> None:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                code, answer = server.answer(self.path, self.headers["Content-Type"], body)
                if code == 200 and server.silent > 0:
                    server.silent -= 1
                    self.close_connection = True
                    return
                payload = json.dumps(answer).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self._http = Server(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.base_url = f"http://127.0.0.1:{self._http.server_port}/bot"

    def stop(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def answer(self, path: str, content_type: str, body: bytes) -> tuple[int, dict[str, Any]]:
        try:
            return 200, {"ok": True, "result": self._send(path, *parse(content_type, body))}
        except Refusal as refusal:
            answer = {"ok": False, "error_code": refusal.code, "description": refusal.description}
            return refusal.code, answer | ({"parameters": refusal.parameters} if refusal.parameters else {})

    def _send(
        self, path: str, fields: dict[str, str], files: dict[str, bytes], names: dict[str, str]
    ) -> dict[str, Any]:
        token, _, method = path.removeprefix("/bot").partition("/")
        if token != TOKEN:
            raise Refusal(401, "Unauthorized")
        self.requests += 1
        if self.refusals:
            raise self.refusals.pop(0)
        self._check_chat(fields)
        checks = {"sendMessage": self._check_message, "sendVoice": self._check_voice, "sendDocument": check_document}
        if method not in checks:
            raise Refusal(404, "Not Found")
        checks[method](fields, files)
        self.sent.append(Sent(method, fields, files, names))
        chat = {"id": int(fields["chat_id"]), "type": "private", "first_name": "Ana"}
        return {"message_id": len(self.sent), "date": 1785766500, "chat": chat}

    def _check_chat(self, fields: dict[str, str]) -> None:
        chat = fields.get("chat_id", "")
        if not chat:
            raise Refusal(400, "Bad Request: chat_id is empty")
        if chat in self.migrated:
            new = self.migrated[chat]
            raise Refusal(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=new)
        if not chat.lstrip("-").isdigit():
            raise Refusal(400, "Bad Request: chat not found")

        if self.most_a_minute:
            self._check_rate(chat)

    def _check_rate(self, chat: str) -> None:
        """20 messages a minute to one group (https://core.telegram.org/bots/faq): then a pause."""
        now, times = self.clock(), self._times[chat]
        if now < self._paused[chat]:
            raise self._too_many(int((self._paused[chat] - now).total_seconds()))
        times[:] = [time for time in times if now - time < timedelta(minutes=1)]
        if len(times) >= self.most_a_minute:
            times.clear()
            self._paused[chat] = now + timedelta(seconds=self.pause)
            raise self._too_many(self.pause)
        times.append(now)

    def _too_many(self, seconds: int) -> Refusal:
        return Refusal(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)

    def _check_message(self, fields: dict[str, str], _files: dict[str, bytes]) -> None:
        text = fields.get("text", "")
        if not text:
            raise Refusal(400, "Bad Request: message text is empty")
        if utf16_length(text) > 4096:
            raise Refusal(400, "Bad Request: message is too long")

    def _check_voice(self, fields: dict[str, str], files: dict[str, bytes]) -> None:
        check_caption(fields)
        if self.voices_forbidden:
            raise Refusal(400, "Bad Request: VOICE_MESSAGES_FORBIDDEN")
        if not files.get("voice", b"").startswith(b"OggS") or b"OpusHead" not in files["voice"][:100]:
            raise Refusal(400, "Bad Request: there is no voice in the request")


def check_document(fields: dict[str, str], files: dict[str, bytes]) -> None:
    check_caption(fields)
    if not files.get("document"):
        raise Refusal(400, "Bad Request: there is no document in the request")


def check_caption(fields: dict[str, str]) -> None:
    if utf16_length(fields.get("caption", "")) > 1024:
        raise Refusal(400, "Bad Request: message caption is too long")


def utf16_length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def parse(content_type: str, body: bytes) -> tuple[dict[str, str], dict[str, bytes], dict[str, str]]:
    """The fields, files and files' names of a request in one of the documented encodings."""
    if content_type.startswith("application/x-www-form-urlencoded"):
        return {name: values[0] for name, values in parse_qs(body.decode()).items()}, {}, {}
    fields: dict[str, str] = {}
    files: dict[str, bytes] = {}
    names: dict[str, str] = {}
    form = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body, policy=HTTP)
    for part in form.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if part.get_filename():
            files[name], names[name] = content, part.get_filename()
        else:
            fields[name] = content.decode()
    # A file field may name the uploaded part that holds it.
    for name in ("voice", "document"):
        if fields.get(name, "").startswith("attach://"):
            part_name = fields[name].removeprefix("attach://")
            files[name], names[name] = files.pop(part_name), names.pop(part_name)
    return fields, files, names
