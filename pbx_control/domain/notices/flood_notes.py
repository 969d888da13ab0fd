"""The letter to the admin about a client that is called more often than people can."""

from collections.abc import Mapping
from datetime import datetime

from pbx_control.domain.money.repeats import Flood
from pbx_control.domain.notices.messages import Fact, Letter
from pbx_control.domain.notices.notes import AlarmDesk, named, warning
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line, dialable_number, readable_number


def compose_flood(found: Flood, client_id: int, slug: str, name: str, at: datetime, desk: AlarmDesk) -> Letter:
    """The letter; one for each client and hour (UTC) has the same `message_id`."""
    words = WORDS[desk.language]
    client = clean_line(name, NAME_LIMIT)
    callers = [(readable_number(number), times) for number, times in found.callers]
    callers += [(words["withheld"], found.withheld)] if found.withheld else []
    # To be pasted into a shell: only what is a number, whatever the carrier sent.
    worst = next((number for caller, _ in found.callers if (number := dialable_number(caller))), "")
    return warning(
        desk,
        at,
        named("flood", str(client_id), f"{at:%Y-%m-%dT%H}"),
        words,
        ("rate", "cost"),
        last=["block" if worst else "nobody"],
        title=client,
        facts=tuple(Fact(clean_line(caller, NAME_LIMIT), _calls(times, words)) for caller, times in callers),
        command=f"pbx-control caller mark {worst} blocked --client {slug} --why abuso" if worst else "",
        client=client,
        slug=slug,
        calls=found.calls,
        short=found.short,
    )


def _calls(times: int, words: Mapping[str, str]) -> str:
    return words["call" if times == 1 else "calls"].format(times=times)


WORDS = {
    "es": {
        "subject": "{client}: más llamadas de las que hacen las personas",
        "headline": "Llamadas en serie",
        "rate": "{client} ({slug}) recibió {calls} llamadas atendidas en un minuto; de menos de 10 s: {short}.",
        "cost": "A quien vuelve a llamar enseguida no se le descuenta; a quien oculta o cambia su número, sí.",
        "block": "Si es un abuso, bloquee a quien llama:",
        "nobody": "Los números están ocultos y no se pueden bloquear: avise a su operador.",
        "withheld": "número oculto",
        "call": "1 llamada",
        "calls": "{times} llamadas",
        "footer": "Aviso automático de pbx-control en {office}; por cliente, a lo más uno por hora.",
    },
    "en": {
        "subject": "{client}: more calls than people make",
        "headline": "Calls in series",
        "rate": "{client} ({slug}) got {calls} answered calls within a minute; shorter than 10 s: {short}.",
        "cost": "Who calls again at once is not charged; who withholds or changes his number is.",
        "block": "If it is abuse, block the caller:",
        "nobody": "The numbers are withheld and cannot be blocked: tell your carrier.",
        "withheld": "withheld number",
        "call": "1 call",
        "calls": "{times} calls",
        "footer": "Sent automatically by pbx-control at {office}; at most one an hour for each client.",
    },
}
