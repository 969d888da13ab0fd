"""A stand-in for Telegram's servers: those methods of the Bot API that are used here, as documented.

https://core.telegram.org/bots/api, "Making requests" and "ResponseParameters": POST to /bot<token>/METHOD, the
answer is JSON with `ok` and `result`, or `error_code`, `description` and `parameters`; the HTTP status is the code.
"Getting updates": an update comes again until a later offset is asked for; of two that ask at once the first is ended
with 409; nobody may ask while a webhook is set. Buttons: `callback_data` has 1 to 64 bytes; a press is answered within
a while or never; a markup that is the same as before is refused.
"""

import json
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Thread
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
    number: int = 0  # the message's, in its chat


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
    webhook: dict[str, str] = field(default_factory=dict)
    toasts: list[dict[str, str]] = field(default_factory=list)  # what whoever pressed a button was told
    edits: list[dict[str, Any]] = field(default_factory=list)
    edits_refused: list[Refusal] = field(default_factory=list)  # given to the next edits
    edits_asked: int = 0
    commands: dict[str, list[dict[str, str]]] = field(default_factory=dict)  # offered, by language
    asked: int = 0  # how often updates were asked for
    requests: int = 0
    sent: list[Sent] = field(default_factory=list)
    _times: defaultdict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    _paused: defaultdict[str, datetime] = field(
        default_factory=lambda: defaultdict(lambda: datetime.min.replace(tzinfo=UTC))
    )

    def __post_init__(self) -> None:
        self._news = Condition()
        self._updates: list[dict[str, Any]] = []
        self._asker = 0
        self._numbers = iter(range(1, 1_000_000))
        self._markups: dict[tuple[str, int], Any] = {}
        self._messages: dict[tuple[str, int], dict[str, Any]] = {}

    # --- what people do -----------------------------------------------------------------------------------

    def writes(self, text: str, chat: int = 77, user: int = 77, name: str = "Juan", language: str = "es") -> None:
        """Somebody writes in a chat: his own if its number is his, else a group."""
        message = self._message(chat, text) | {"from": _user(user, name, language)}
        if text.startswith("/"):
            message["entities"] = [{"type": "bot_command", "offset": 0, "length": utf16_length(text.split()[0])}]
        self._tell(message=message)

    def presses(
        self, chat: int, number: int, data: str, user: int = 77, name: str = "Juan", language: str = "es"
    ) -> str:
        """Somebody presses a button beneath a message of the bot's; gives the press's id."""
        press = f"press-{next(self._numbers)}"
        message = self._messages[(str(chat), number)]
        person = _user(user, name, language)
        self._tell(callback_query={"id": press, "from": person, "message": message, "chat_instance": "1", "data": data})
        return press

    def grows(self, old: int, new: int) -> None:
        """A group becomes a supergroup."""
        self.migrated[str(old)] = new
        moved = {"migrate_to_chat_id": new, "from": _user(1087968824, "Group", "es")}
        self._tell(message=self._message(old, "") | moved)

    def until(self, true: Callable[[], Any], seconds: float = 20) -> Any:
        """Waits until something that the bot does makes it true; gives what it was then."""
        with self._news:
            assert self._news.wait_for(true, seconds), "the bot did not do it"
            return true()

    def _message(self, chat: int, text: str) -> dict[str, Any]:
        kind = {"type": "private", "first_name": "Juan"} if chat > 0 else {"type": "group", "title": "Ventas"}
        found = {"message_id": next(self._numbers), "date": 1785766500, "chat": {"id": chat} | kind}
        return found | ({"text": text} if text else {})

    def _tell(self, **update: Any) -> None:
        with self._news:
            self._updates.append({"update_id": next(self._numbers)} | update)
            self._news.notify_all()

    # --- the server ---------------------------------------------------------------------------------------

    def start(self) -> None:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                code, answer = server.answer(self.path, self.headers.get("Content-Type", ""), body)
                if code == 200 and server.silent > 0:
                    server.silent -= 1
                    self.close_connection = True
                    return
                payload = json.dumps(answer).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(payload)))
                self.end_headers()
                with suppress(ConnectionError):  # who asked has gone
                    self.wfile.write(payload)

            def log_message(self, *_: Any) -> None:
                """Says nothing."""

        self._http = Server(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.base_url = f"http://127.0.0.1:{self._http.server_port}/bot"

    def stop(self) -> None:
        with self._news:
            self._asker += 1  # nobody is held any more
            self._news.notify_all()
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
        if method in self._methods():
            found: dict[str, Any] = self._methods()[method](fields)
            return found
        self.requests += 1
        if self.refusals:
            raise self.refusals.pop(0)
        self._check_chat(fields)
        checks = {"sendMessage": self._check_message, "sendVoice": self._check_voice, "sendDocument": check_document}
        if method not in checks:
            raise Refusal(404, "Not Found")
        checks[method](fields, files)
        check_markup(fields)
        sent = self._message(int(fields["chat_id"]), fields.get("text", ""))
        key = fields["chat_id"], sent["message_id"]
        self._messages[key], self._markups[key] = sent, json.loads(fields.get("reply_markup", "null"))
        with self._news:
            self.sent.append(Sent(method, fields, files, names, sent["message_id"]))
            self._news.notify_all()
        return sent

    def _methods(self) -> dict[str, Callable[[dict[str, str]], Any]]:
        return {
            "getMe": lambda _: {"id": 123456, "is_bot": True, "first_name": "Andes", "username": "andes_bot"},
            "getUpdates": self._get_updates,
            "setWebhook": self._set_webhook,
            "deleteWebhook": self._delete_webhook,
            "setMyCommands": self._set_commands,
            "answerCallbackQuery": self._toast,
            "editMessageReplyMarkup": self._edit,
            "editMessageText": self._edit_text,
        }

    def _get_updates(self, fields: dict[str, str]) -> list[dict[str, Any]]:
        if self.webhook:
            raise Refusal(409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook")
        with self._news:
            self.asked += 1
            self._asker += 1
            me = self._asker
            self._news.notify_all()
            if "offset" in fields:
                self._updates = [one for one in self._updates if one["update_id"] >= int(fields["offset"])]
            self._news.wait_for(lambda: self._updates or self._asker != me, float(fields.get("timeout", 0)))
            if self._asker != me:
                raise Refusal(409, "Conflict: terminated by other getUpdates request")
            return list(self._updates[: int(fields.get("limit", 100))])

    def _set_webhook(self, fields: dict[str, str]) -> bool:
        if not fields["url"].startswith("https://"):
            raise Refusal(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
        self.webhook = dict(fields)
        return True

    def _delete_webhook(self, _: dict[str, str]) -> bool:
        self.webhook.clear()
        return True

    def _set_commands(self, fields: dict[str, str]) -> bool:
        offered = json.loads(fields.get("commands", "[]"))
        for one in offered:
            if not (one["command"].isascii() and one["command"].islower() and 1 <= len(one["description"]) <= 256):
                raise Refusal(400, "Bad Request: BOT_COMMAND_INVALID")
        self.commands[fields.get("language_code", "")] = offered
        return True

    def _toast(self, fields: dict[str, str]) -> bool:
        if utf16_length(fields.get("text", "")) > 200:
            raise Refusal(400, "Bad Request: MESSAGE_TOO_LONG")
        with self._news:
            self.toasts.append(fields)
            self._news.notify_all()
        return True

    def _edit(self, fields: dict[str, str]) -> dict[str, Any]:
        with self._news:
            self.edits_asked += 1
            self._news.notify_all()
        if self.edits_refused:
            raise self.edits_refused.pop(0)
        key = fields["chat_id"], int(fields["message_id"])
        if key not in self._messages:
            raise Refusal(400, "Bad Request: message to edit not found")
        check_markup(fields)
        markup = json.loads(fields.get("reply_markup", "null"))
        there = self._messages[key]
        if (markup, fields.get("text", there.get("text"))) == (self._markups[key], there.get("text")):
            raise Refusal(400, "Bad Request: message is not modified")
        self._markups[key] = markup
        if "text" in fields:
            there["text"] = fields["text"]
        with self._news:
            self.edits.append({"chat": key[0], "number": key[1], "buttons": labels(markup)})
            self._news.notify_all()
        return self._messages[key]

    def _edit_text(self, fields: dict[str, str]) -> dict[str, Any]:
        self._check_message(fields, {})
        return self._edit(fields)

    def text(self, chat: int, number: int) -> str:
        """What a message says now."""
        return str(self._messages[(str(chat), number)].get("text", ""))

    def buttons(self, chat: int, number: int) -> list[str]:
        """What the buttons beneath a message say now."""
        return labels(self._markups[(str(chat), number)])

    def data(self, chat: int, number: int, label: str) -> str:
        """What a button beneath a message sends back."""
        rows = self._markups[(str(chat), number)]["inline_keyboard"]
        return str(next(one["callback_data"] for row in rows for one in row if label in one["text"]))

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


def _user(number: int, name: str, language: str) -> dict[str, Any]:
    return {"id": number, "is_bot": False, "first_name": name, "language_code": language}


def labels(markup: Any) -> list[str]:
    return [one["text"] for row in (markup or {}).get("inline_keyboard", []) for one in row]


def check_markup(fields: dict[str, str]) -> None:
    for row in json.loads(fields.get("reply_markup", "{}")).get("inline_keyboard", []):
        for one in row:
            if not 1 <= len(one.get("callback_data", "").encode()) <= 64:
                raise Refusal(400, "Bad Request: BUTTON_DATA_INVALID")


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
    if not body:
        return {}, {}, {}
    if content_type.startswith("application/x-www-form-urlencoded"):
        return {name: values[0] for name, values in parse_qs(body.decode()).items()}, {}, {}
    fields: dict[str, str] = {}
    files: dict[str, bytes] = {}
    names: dict[str, str] = {}
    form = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body, policy=HTTP)
    for part in form.iter_parts():
        name = str(part.get_param("name", header="content-disposition"))
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        if filename := part.get_filename():
            files[name], names[name] = content, filename
        else:
            fields[name] = content.decode()
    # A file field may name the uploaded part that holds it.
    for name in ("voice", "document"):
        if fields.get(name, "").startswith("attach://"):
            part_name = fields[name].removeprefix("attach://")
            files[name], names[name] = files.pop(part_name), names.pop(part_name)
    return fields, files, names
