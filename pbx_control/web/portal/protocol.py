"""What secretaries say and ask for a client: its people change it, see what would be different, and confirm."""

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import TypeVar
from zoneinfo import ZoneInfo

from anyio.to_thread import run_sync
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import Response

from pbx_control import clock
from pbx_control.catalogue import N_
from pbx_control.domain.desk.greeting import filled
from pbx_control.domain.desk.proposals import Line, Subject, Way
from pbx_control.domain.desk.protocol import Field, FieldKind, Protocol
from pbx_control.domain.desk.protocol_file import written
from pbx_control.domain.words.facts import asker
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import NAME_LIMIT, brief_time, clean_line
from pbx_control.domain.words.written_time import read_day
from pbx_control.errors import ClientMistake
from pbx_control.services import infos, proposals
from pbx_control.services import protocols as services
from pbx_control.services.tenant import Proposal, Tenant, Told, as_tenant
from pbx_control.services.work import Work
from pbx_control.web.pages import go_to, language_of, page, refusal, say
from pbx_control.web.portal.changes import changed
from pbx_control.web.site import person_of, site_of

HERE = "/portal/protocol"
# Rows of the form for further fields.
NEW_ROWS = 2
LONGEST_TEXT, LONGEST_NAME = 20_000, 60
KINDS: Mapping[FieldKind, str] = {
    FieldKind.TEXT: N_("a line of text"),
    FieldKind.LONG: N_("a longer text"),
    FieldKind.NUMBER: N_("a number"),
    FieldKind.TELEPHONE: N_("a telephone number"),
    FieldKind.EMAIL: N_("an e-mail address"),
    FieldKind.DATE: N_("a date"),
    FieldKind.CHOICE: N_("one of several answers"),
}
SUBJECTS = {Subject.GREETING: N_("The greeting"), Subject.PROTOCOL: N_("What is asked and told")}
Done = TypeVar("Done")


@dataclass(frozen=True, slots=True)
class Version:
    """An earlier text."""

    number: int
    since: str
    asked_by: str
    text: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A change that is not in force yet."""

    id: int
    subject: str
    asked_by: str
    when: str
    starts: str  # "" while nobody has confirmed it


@dataclass(frozen=True, slots=True)
class Shown:
    """The page."""

    firm: str
    greeting: str
    sample: str  # the greeting as a secretary would say it now
    greetings: Sequence[Version]
    protocol: Protocol
    own: bool  # the client has set a protocol itself
    infos: Sequence[Mapping[str, str]]
    waiting: Sequence[Waiting]

    @classmethod
    def of(cls, tenant: Tenant, language: str) -> "Shown":
        firm = tenant.client
        zone, now = ZoneInfo(firm.timezone), clock.now()
        past, protocol = tenant.greetings(), tenant.protocol()
        text = past[0].text if past else ""
        return cls(
            firm=firm.name,
            greeting=text,
            sample=filled(text, "Ana", firm.name, now.astimezone(zone), firm.language, tenant.on_call(now))
            if text
            else "",
            greetings=[
                Version(
                    one.version,
                    brief_time(one.since.astimezone(zone), language),
                    asker(one.asked_by, language),
                    one.text,
                )
                for one in past[1:11]
            ],
            protocol=protocol.protocol,
            own=protocol.id is not None,
            infos=[{"name": one.name, "text": one.text} for one in tenant.infos()],
            waiting=[_waiting(one, language, zone) for one in tenant.proposals()],
        )


@dataclass(frozen=True, slots=True)
class Decided:
    """The page of one proposal."""

    firm: str
    id: int
    subject: str
    asked_by: str
    when: str
    lines: Sequence[Line]
    open: bool
    tomorrow: str


async def page_of_protocol(request: Request) -> Response:
    """GET /portal/protocol"""
    return await _page(request)


async def change_greeting(request: Request) -> Response:
    """POST /portal/protocol/greeting with `text`: a proposal, to be confirmed on its page."""
    form = await request.form()
    text = str(form.get("text", ""))[:LONGEST_TEXT]
    return await _propose(request, Subject.GREETING, lambda _: text, {"greeting": text})


async def roll_back_greeting(request: Request) -> Response:
    """POST /portal/protocol/greeting/back with `version`: the old text as a proposal."""
    number = _number(str((await request.form()).get("version", "")))

    def old(tenant: Tenant) -> str:
        found = [one.text for one in tenant.greetings() if one.version == number]
        if not found:
            raise ClientMistake(N_("there is no such earlier greeting"))
        return found[0]

    return await _propose(request, Subject.GREETING, old, {})


async def change_protocol(request: Request) -> Response:
    """POST /portal/protocol/fields: all that the form says of what is asked and told, as a proposal."""
    form = await request.form()

    def made(tenant: Tenant) -> str:
        return written(_protocol(form, tenant.protocol().protocol))

    return await _propose(request, Subject.PROTOCOL, made, {"form": form})


async def add_info(request: Request) -> Response:
    """POST /portal/protocol/infos with `name` and `text`: at once; secretaries send it from then on."""
    form = await request.form()
    name, text = str(form.get("name", ""))[: LONGEST_NAME * 2], str(form.get("text", ""))[:LONGEST_TEXT]
    asked_by = person_of(request).name
    try:
        await changed(request, lambda work, client_id: infos.add(work, client_id, name, text, asked_by))
    except ClientMistake as error:
        return await _page(request, error, "infos", {"info_name": name, "info_text": text})
    return go_to(f"{HERE}#infos")


async def remove_info(request: Request) -> Response:
    """POST /portal/protocol/infos/remove with `name`."""
    name, asked_by = str((await request.form()).get("name", ""))[: LONGEST_NAME * 2], person_of(request).name
    try:
        await changed(request, lambda work, client_id: infos.remove(work, client_id, name, asked_by))
    except ClientMistake as error:
        return await _page(request, error, "infos")
    return go_to(f"{HERE}#infos")


async def proposal(request: Request) -> Response:
    """GET /portal/protocol/proposals/ID: what would be different."""
    return await _proposal(request)


async def decide(request: Request) -> Response:
    """POST /portal/protocol/proposals/ID with `answer` (yes, no) and, for later, `day`."""
    form, who = await request.form(), person_of(request).name
    number = _number(str(request.path_params["proposal"]))
    day, answer = str(form.get("day", ""))[:40].strip(), form.get("answer")

    def do(work: Work, client_id: int) -> None:
        if answer == "no":
            proposals.refuse(work, client_id, number, who)
        else:
            zone = ZoneInfo(services.local_zone(work.conn, client_id))
            starts = datetime.combine(read_day(day, work.at.astimezone(zone).date()), time(), zone) if day else None
            proposals.confirm(work, client_id, number, who, starts)

    if answer not in ("yes", "no"):
        return await _proposal(request)
    try:
        await changed(request, do)
    except ClientMistake as error:
        return await _proposal(request, error)
    return go_to(HERE)


async def _propose(
    request: Request, subject: Subject, content: Callable[[Tenant], str], typed: Mapping[str, object]
) -> Response:
    person = person_of(request)

    def do(work: Work, client_id: int) -> int:
        tenant = Tenant.within(work, person)
        return proposals.propose(work, client_id, subject, content(tenant), Way.PORTAL, person.name)[0]

    try:
        number = await changed(request, do)
    except ClientMistake as error:
        return await _page(request, error, subject.value, typed)
    return go_to(f"{HERE}/proposals/{number}")


async def _page(
    request: Request, error: ClientMistake | None = None, at: str = "", typed: Mapping[str, object] | None = None
) -> Response:
    shown = await _read(request, lambda tenant: Shown.of(tenant, language_of(request)))
    given = typed or {}
    form = given.get("form")
    return page(
        request,
        "portal/protocol.html.j2",
        status=422 if error else 200,
        shown=shown,
        here=HERE,
        kinds=[(kind.value, label) for kind, label in KINDS.items()],
        rows=list(_rows(form if isinstance(form, FormData) else None, shown.protocol)),
        texts=_texts(form if isinstance(form, FormData) else None, shown.protocol),
        problem=say(request, error.template, **error.values) if error else "",
        problem_at=at,
        greeting=given.get("greeting", shown.greeting),
        info_name=given.get("info_name", ""),
        info_text=given.get("info_text", ""),
    )


async def _proposal(request: Request, error: ClientMistake | None = None) -> Response:
    number = _number(str(request.path_params["proposal"]))
    language = language_of(request)

    def read(tenant: Tenant) -> Decided:
        found: Told = tenant.proposal(number)
        zone, one = ZoneInfo(tenant.client.timezone), found.proposal
        return Decided(
            firm=tenant.client.name,
            id=one.id,
            subject=said(language, SUBJECTS[one.subject], {}),
            asked_by=clean_line(one.asked_by, NAME_LIMIT),
            when=brief_time(one.asked_at.astimezone(zone), language),
            lines=found.difference,
            open=one.decision is None,
            tomorrow=str(clock.now().astimezone(zone).date()),
        )

    try:
        shown = await _read(request, read)
    except ClientMistake:
        return refusal(request, 404, N_("there is no such proposal"), "no-such-proposal")
    problem = say(request, error.template, **error.values) if error else ""
    status = 422 if error else 200
    here = f"{HERE}/proposals/{number}"
    return page(request, "portal/proposal.html.j2", status=status, shown=shown, here=here, problem=problem)


async def _read(request: Request, do: Callable[[Tenant], Done]) -> Done:
    engine, person = site_of(request).engine, person_of(request)

    def within() -> Done:
        with as_tenant(engine, person) as tenant:
            return do(tenant)

    return await run_sync(within)


def _waiting(one: Proposal, language: str, zone: ZoneInfo) -> Waiting:
    starts = one.starts_at if one.decision else None
    return Waiting(
        id=one.id,
        subject=said(language, SUBJECTS[one.subject], {}),
        asked_by=clean_line(one.asked_by, NAME_LIMIT),
        when=brief_time(one.asked_at.astimezone(zone), language),
        starts=brief_time(starts.astimezone(zone), language) if starts else "",
    )


# --- the form of what is asked and told -------------------------------------------------------------------


def _protocol(form: FormData, present: Protocol) -> Protocol:
    """The protocol as the form has it. What the form does not show (conditions, hints of fields) stays as it is."""
    known = {field.key: field for field in present.fields}
    fields = tuple(_fields(form, known))
    return Protocol(
        fields=fields,
        may_tell=_lines(form, "may_tell"),
        must_not_tell=_lines(form, "must_not_tell"),
        pronunciation=_text(form, "pronunciation"),
        colour=_text(form, "colour") if form.get("own_colour") else "",
        steps_note=_text(form, "steps_note"),
    )


def _fields(form: FormData, known: Mapping[str, Field]) -> Iterator[Field]:
    taken = set(known)
    for row in _typed_rows(form):
        if not row["label"] or row["gone"]:
            continue
        kind = FieldKind(str(row["kind"])) if row["kind"] in set(FieldKind) else FieldKind.TEXT
        old = known.get(str(row["key"]))
        key = old.key if old else _new_key(str(row["label"]), taken)
        taken.add(key)
        yield Field(
            key=key,
            label=str(row["label"]),
            kind=kind,
            required=bool(row["required"]),
            choices=_choices(str(row["choices"])) if kind is FieldKind.CHOICE else (),
            when=old.when if old else None,
            hint=str(row["hint"]),
        )


def _choices(text: str) -> tuple[str, ...]:
    return tuple(filter(None, (one.strip() for one in text.split("/"))))


def _rows(form: FormData | None, protocol: Protocol) -> Iterator[Mapping[str, object]]:
    if form is not None:
        yield from _typed_rows(form)
        return
    for field in protocol.fields:
        yield {
            "key": field.key,
            "label": field.label,
            "kind": field.kind.value,
            "required": field.required,
            "choices": " / ".join(field.choices),
            "hint": field.hint,
            "when": f"{field.when.field} = {' / '.join(field.when.values)}" if field.when else "",
            "gone": False,
        }
    for _ in range(NEW_ROWS):
        nothing = dict.fromkeys(("key", "label", "choices", "hint", "when"), "")
        yield nothing | {"kind": "text", "required": False, "gone": False}


def _typed_rows(form: FormData) -> Iterator[Mapping[str, object]]:
    count = min(_number(str(form.get("rows", "0"))), 50)
    rows = [
        {
            "key": _of(form, f"key-{row}"),
            "label": _of(form, f"label-{row}"),
            "kind": _of(form, f"kind-{row}"),
            "required": f"required-{row}" in form,
            "choices": _of(form, f"choices-{row}", 4000),
            "hint": _of(form, f"hint-{row}"),
            "when": _of(form, f"when-{row}"),
            "gone": f"gone-{row}" in form,
            "place": _number(_of(form, f"place-{row}")) or 99,
        }
        for row in range(count)
    ]
    yield from sorted(rows, key=lambda row: int(str(row["place"])))


def _texts(form: FormData | None, protocol: Protocol) -> Mapping[str, str]:
    if form is not None:
        names = ("may_tell", "must_not_tell", "pronunciation", "colour", "steps_note")
        return {name: str(form.get(name, ""))[:LONGEST_TEXT] for name in names}
    return {
        "may_tell": "\n".join(protocol.may_tell),
        "must_not_tell": "\n".join(protocol.must_not_tell),
        "pronunciation": protocol.pronunciation,
        "colour": protocol.colour,
        "steps_note": protocol.steps_note,
    }


def _new_key(label: str, taken: set[str]) -> str:
    """A name for programs, made of the label: no person ever sees it."""
    plain = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:30]
    stem = stem if stem[:1].isalpha() else f"f_{stem}".strip("_")
    numbered = (stem, *(f"{stem}_{count}" for count in range(2, 100)))
    return next(one for one in numbered if one not in taken)


def _lines(form: FormData, name: str) -> tuple[str, ...]:
    given = str(form.get(name, ""))[:LONGEST_TEXT]
    return tuple(filter(None, (line.strip() for line in given.splitlines())))


def _text(form: FormData, name: str) -> str:
    return str(form.get(name, ""))[:LONGEST_TEXT].replace("\r\n", "\n").strip()


def _of(form: FormData, name: str, longest: int = 400) -> str:
    return str(form.get(name, ""))[:longest].strip()


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 10 else 0
