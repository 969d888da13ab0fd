"""What the bot says."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from telegram import InlineKeyboardButton

from pbx_control.catalogue import N_, counted
from pbx_control.domain.desk.proposals import Mark
from pbx_control.domain.notices.acts import LABELS, Act
from pbx_control.domain.notices.chat_commands import Availability, Today
from pbx_control.domain.opening.overrides import OverrideKind
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import NAME_LIMIT, brief_time, clean_line, day_in_words
from pbx_control.errors import ClientMistake, Code
from pbx_control.services.chats import (
    Answered,
    Availabilities,
    Balance,
    Client,
    ContactOnDesk,
    InChat,
    Now,
    Received,
)
from pbx_control.services.proposals import Told
from pbx_control.services.tenant import INSTEAD
from pbx_control.web.portal.view import became, caller_of

# What may be typed, in either language, and which command it is.
COMMANDS: Mapping[str, str] = {
    "start": "start",
    "balance": "balance",
    "saldo": "balance",
    "calls": "calls",
    "llamadas": "calls",
    "today": "today",
    "hoy": "today",
    "availability": "availability",
    "disponibilidad": "availability",
    "greeting": "greeting",
    "saludo": "greeting",
}
# Of a message, in UTF-16 units; and of a long greeting, characters that are shown.
LONGEST, MOST_SHOWN = 4096, 600
# What the buttons beneath a proposal send back, before its number.
YES, NO = "change-yes", "change-no"
# What the buttons beneath the contacts send back, before the contact's number.
HOUR, DAY, THERE = "away-hour", "away-day", "away-end"
# So many contacts have buttons.
MOST_BUTTONS = 30
# What Telegram offers while somebody types, with what it does.
OFFERED: Mapping[str, Sequence[tuple[str, str]]] = {
    "es": (
        ("saldo", N_("how many calls are left")),
        ("llamadas", N_("the last calls")),
        ("hoy", N_("closed 14:00, open 20:00, normal: for today")),
        ("disponibilidad", N_("your contacts and who is on call; Ana off 15:00, Ana on")),
        ("saludo", N_("what the secretaries say, or a new text for it")),
    ),
    "en": (
        ("balance", N_("how many calls are left")),
        ("calls", N_("the last calls")),
        ("today", N_("closed 14:00, open 20:00, normal: for today")),
        ("availability", N_("your contacts and who is on call; Ana off 15:00, Ana on")),
        ("greeting", N_("what the secretaries say, or a new text for it")),
    ),
}

HELP = N_(
    "/balance – how many calls are left\n/calls – the last calls\n/today closed 14:00 – closed until then; open 20:00; "
    "normal\n/availability – your contacts and who is on call; /availability Ana off 15:00; /availability Ana on\n"
    "/greeting – what the secretaries say, or a new text for it\n\nBeneath each message there are buttons: "
    "that you have seen it, that the caller is to be called back, that he is to be blocked."
)
UNKNOWN_CHAT = N_("This chat is not connected to anything. Ask for a code in the portal, and send it here: /start CODE")
WRONG_CODE = N_("This code is not valid: it can be used once, within 15 minutes. Ask for a new one in the portal.")
TOO_OFTEN = N_("Too many wrong codes. Try again later.")
CONNECTED = N_("✅ Connected. From now on the messages of {client} come to this chat.")
CONNECTED_YOU = N_(
    "✅ Connected. From now on the messages of {client} come to this chat, and what you write here counts as yours."
)

WHOSE = N_(
    "This needs your own account, connected in the portal. Who has several firms writes the firm's short name first."
)
TODAY_HOW = N_("{why}.\nWrite: /today closed – /today closed 14:00 – /today open 20:00 – /today normal")
TODAY_CLOSED = N_("🌙 {client} is closed until {until}.")
TODAY_OPEN = N_("☀️ {client} is open until {until}.")
TODAY_NORMAL = N_("{client}: the usual hours hold again.")
AVAILABILITY_HOW = N_("{why}.\nWrite: /availability – /availability Ana off 15:00 – /availability Ana on")
NO_CONTACTS = N_("{client} has no contacts yet: they are entered in the portal.")
AWAY = N_("not available until {until}")
AVAILABLE = N_("available")
ON_CALL = N_("on call{department}")
ON_CALL_UNTIL = N_("on call{department} until {until}")
NOBODY = N_("Nobody is on call{department}.")
NOBODY_UNTIL = N_("Nobody is on call{department} until {until}.")
FOR_AN_HOUR = N_("{name}: off for 1 h")
FOR_TODAY = N_("off for today")
BACK = N_("{name}: available again")
IS_AWAY = N_("{name} is not called until {until}.")
IS_BACK = N_("{name} may be called.")
GREETING = N_("The secretaries say:\n«{greeting}»\n\nFor another one: /greeting and the new text.")
PROPOSED = N_("The greeting would change:")
PUT_IN_FORCE = N_("✓ Put it in force")
LEAVE_IT = N_("Leave it as it is")
IN_FORCE = N_("The new greeting is in force.")
UNCHANGED = N_("Nothing is changed.")
CONFIRMED_BY = N_("✓ Put in force by {who}")
REFUSED_BY = N_("Left as it was by {who}")

GONE = N_("This message is not known here any more.")
REFUSED: Mapping[Code, str] = {
    Code.NOT_YOURS: N_("Only somebody whose own account is connected in the portal can do this."),
    Code.BAD_NUMBER: N_("This number cannot be blocked."),
    Code.RESTRICTED: INSTEAD,
}
SURE = N_("⛔ Yes, block this caller")
NOT_SURE = N_("No, go back")

SEEN = N_("✓ Seen by {who}")
CALLED_BACK = N_("↩ {who} has asked for a call back")
TAKEN = N_("✋ {who} takes it")
BLOCKED = N_("⛔ Blocked by {who}")

NOTED = N_("Noted.")
ASKED = N_("The secretaries see it now.")
TAKE = N_("You take it. The others see that.")
TAKEN_ALREADY = N_("{who} takes it already.")
BLOCK = N_("{number} is not let in any more.")
BLOCK_UNCOUNTED = N_("{number} is not let in any more, and the call is not charged.")

UNCOUNTED = N_("{client}: calls are not counted.")
LEFT = counted(
    "{client}: {left} of {granted} calls is left until {until}.",
    "{client}: {left} of {granted} calls are left until {until}.",
    by="left",
)
IN_BAGS = counted("And {left} more in bags.", "And {left} more in bags.", by="left")
IN_THE_PORTAL = N_("{client}: the calls stand in the portal, and nothing of them here.")
NO_CALLS = N_("{client}: no call has come yet.")


def toast(done: Answered) -> str:
    """What whoever has pressed is told at once."""
    language = done.language
    if done.blocked:
        text = BLOCK_UNCOUNTED if done.blocked.uncounted else BLOCK
        return said(language, text, {"number": done.blocked.number})
    if done.act is Act.TAKE and not done.first:
        return said(language, TAKEN_ALREADY, {"who": done.who})
    return said(language, {Act.CALL_BACK: ASKED, Act.TAKE: TAKE}.get(done.act, NOTED), {})


def buttons_after(one: InChat) -> list[list[InlineKeyboardButton]]:
    """The buttons beneath a letter: what has been done says who did it."""
    done = {
        Act.SEEN: (SEEN, one.seen_by),
        Act.CALL_BACK: (CALLED_BACK, one.called_back_by),
        Act.TAKE: (TAKEN, one.taken_by),
        Act.BLOCK: (BLOCKED, one.blocked_by),
    }
    rows = []
    for act in one.posted.letter.acts:
        words, who = done[act]
        label = said(one.language, words if who else LABELS[act], {"who": clean_line(who, NAME_LIMIT)})
        rows.append([InlineKeyboardButton(label, callback_data=f"{act}:{one.posted.letter.message_id}")])
    return rows


def balance(one: Balance, language: str) -> str:
    """What a client has left."""
    name = clean_line(one.client.name, NAME_LIMIT)
    if one.account is None:
        return said(language, UNCOUNTED, {"client": name})
    account, zone = one.account, ZoneInfo(one.client.timezone)
    until = day_in_words(account.period.end.astimezone(zone).date(), language)
    values = {"client": name, "left": max(account.period_left, 0), "granted": account.period_calls, "until": until}
    lines = [said(language, LEFT, values)]
    if in_bags := account.left - account.period_left:
        lines.append(said(language, IN_BAGS, {"left": in_bags}))
    return " ".join(lines)


def calls(firm: Client, received: Sequence[Received], language: str, zone: ZoneInfo) -> str:
    """A client's newest calls, one a line."""
    name = clean_line(firm.name, NAME_LIMIT)
    if firm.sensitive:
        return said(language, IN_THE_PORTAL, {"client": name})
    if not received:
        return said(language, NO_CALLS, {"client": name})
    return "\n".join([f"{name}:", *(_call(one, language, zone) for one in received)])


def today(firm: Client, wanted: Today, zone: ZoneInfo) -> str:
    """What holds now."""
    texts = {OverrideKind.CLOSED: TODAY_CLOSED, OverrideKind.OPEN: TODAY_OPEN}
    text = texts.get(wanted.kind, TODAY_NORMAL) if wanted.kind else TODAY_NORMAL
    until = brief_time(wanted.until.astimezone(zone), firm.language) if wanted.until else ""
    return said(firm.language, text, {"client": clean_line(firm.name, NAME_LIMIT), "until": until})


def availability(
    firm: Client, found: Availabilities, zone: ZoneInfo, now: datetime
) -> tuple[str, list[list[InlineKeyboardButton]]]:
    """A client's contacts with their state, who is on call, and buttons that change it."""
    name = clean_line(firm.name, NAME_LIMIT)
    if not found.contacts:
        return said(firm.language, NO_CONTACTS, {"client": name}), []
    lines = [_state(one, found, firm.language, zone, now) for one in found.contacts]
    gaps = [_nobody(one, firm.language, zone, now) for one in found.on_call if one.there is None]
    rows = [_availability_buttons(one, firm.language, now) for one in found.contacts[:MOST_BUTTONS]]
    return "\n".join([f"{name}:", *lines, *gaps]), rows


def told_availability(firm: Client, wanted: Availability, zone: ZoneInfo, now: datetime) -> str:
    """What became of it."""
    name = clean_line(wanted.contact, NAME_LIMIT)
    if wanted.until is None:
        return said(firm.language, IS_BACK, {"name": name})
    return said(firm.language, IS_AWAY, {"name": name, "until": _when(wanted.until, zone, now, firm.language)})


def _state(one: ContactOnDesk, found: Availabilities, language: str, zone: ZoneInfo, now: datetime) -> str:
    """ "• Ana (Ventas): on call until 18:00"."""
    department = f" ({clean_line(one.department, NAME_LIMIT)})" if one.department else ""
    away = _is_away(one, now)
    states = [said(language, AWAY, {"until": _when(away, zone, now, language)}) if away else ""]
    for each in found.on_call:
        if each.there == one.id:
            elsewhere = each.department if each.department != one.department else ""
            states.append(_until((ON_CALL, ON_CALL_UNTIL), elsewhere, each, language, zone, now))
    told = ", ".join(filter(None, states)) or said(language, AVAILABLE, {})
    return f"• {clean_line(one.name, NAME_LIMIT)}{department}: {told}"


def _nobody(one: Now, language: str, zone: ZoneInfo, now: datetime) -> str:
    if one.on_call.who is not None:  # who is on call is away, and nobody stands in
        return _until((NOBODY, NOBODY), one.department, one, language, zone, now)
    return _until((NOBODY, NOBODY_UNTIL), one.department, one, language, zone, now)


def _until(texts: tuple[str, str], department: str, one: Now, language: str, zone: ZoneInfo, now: datetime) -> str:
    """Of the two texts the one without or with an end."""
    end = one.on_call.until
    values = {
        "department": f" ({clean_line(department, NAME_LIMIT)})" if department else "",
        "until": _when(end, zone, now, language) if end else "",
    }
    return said(language, texts[bool(end)], values)


def _availability_buttons(one: ContactOnDesk, language: str, now: datetime) -> list[InlineKeyboardButton]:
    name = clean_line(one.name, NAME_LIMIT)
    acts = [(BACK, THERE)] if _is_away(one, now) else [(FOR_AN_HOUR, HOUR), (FOR_TODAY, DAY)]
    return [
        InlineKeyboardButton(said(language, label, {"name": name}), callback_data=f"{act}:{one.id}")
        for label, act in acts
    ]


def _is_away(one: ContactOnDesk, now: datetime) -> datetime | None:
    return one.away_until if one.away_until and one.away_until > now else None


def _when(at: datetime, zone: ZoneInfo, now: datetime, language: str) -> str:
    """A time on the client's clock, with its day if that is another one."""
    local = at.astimezone(zone)
    return f"{local:%H:%M}" if local.date() == now.astimezone(zone).date() else brief_time(local, language)


def proposed(told: Told, firm: Client) -> tuple[str, list[list[InlineKeyboardButton]]]:
    """What a proposal would change, as Telegram's HTML, and the buttons that decide."""
    marks = {Mark.SAME: "{}", Mark.GONE: "<s>{}</s>", Mark.NEW: "<b>{}</b>"}
    lines = (" ".join(marks[one.mark].format(escape(one.text)) for one in line) for line in told.difference)
    text = "\n".join([said(firm.language, PROPOSED, {}), "", *lines])
    if len(text.encode("utf-16-le")) // 2 > LONGEST:  # half a mark would be refused
        text = f"{said(firm.language, PROPOSED, {})}\n\n{escape(told.proposal.content[:MOST_SHOWN])}…"
    pairs = ((PUT_IN_FORCE, YES), (LEAVE_IT, NO))
    rows = [
        [InlineKeyboardButton(said(firm.language, label, {}), callback_data=f"{answer}:{told.proposal.id}")]
        for label, answer in pairs
    ]
    return text, rows


def refused(error: ClientMistake, language: str) -> str:
    """Why something was not done."""
    known = REFUSED.get(error.code) or (GONE if error.code is Code.NOT_HERE else "")
    return said(language, known, {}) if known else said(language, error.template, error.values)


def _call(call: Received, language: str, zone: ZoneInfo) -> str:
    who = ", ".join(filter(None, caller_of(call, language)))
    told = clean_line(call.gist, NAME_LIMIT) or became(call, language)
    return f"• {brief_time(call.arrived_at.astimezone(zone), language)} – {who}: {told}"
