"""The letter by which a client gets an invoice or a credit note: its sums in the mail, and the document as a PDF."""

from datetime import datetime
from typing import Any

from pbx_control.catalogue import InLanguages, counted
from pbx_control.domain.money.billing import VAT_PERCENT, Invoice, InvoiceKind, pesos
from pbx_control.domain.notices.messages import DOCUMENTS, Channel, Fact, Letter
from pbx_control.domain.notices.notes import Note, mail_page, mail_text, named
from pbx_control.domain.words.sentences import said
from pbx_control.domain.words.wording import NAME_LIMIT, clean_line, day_in_words

LINE_LIMIT = 120  # characters of a line's text that stand in the mail; the PDF has all


def document(invoice: Invoice) -> str:
    """Where its PDF lies in the home: "documents/invoices/2026/boleta-000012.pdf"."""
    return f"{DOCUMENTS}invoices/{invoice.day.year}/{invoice.kind.value}-{invoice.number:06}.pdf"


def compose_invoice(
    invoice: Invoice, address: str, language: str, office_name: str, at: datetime, campaigns: int = 0
) -> Letter:
    """The letter with an invoice to one e-mail address, in the client's language (docs/service.md rule 15).
    `campaigns`: how many callers of mass calls were not put through in the month before.

    The same invoice to the same address always has the same `message_id`.
    """
    note = _note(invoice, language if language in WORDS else "es", office_name, campaigns)
    return Letter(
        channel=Channel.EMAIL,
        address=address,
        message_id=letter_id(invoice, address),
        subject=note.subject,
        text=mail_text(note),
        html=mail_page(note),
        attachment=document(invoice),
        written_at=at,
        client_id=invoice.client_id,
    )


def letter_id(invoice: Invoice, address: str) -> str:
    """The `message_id` of the letter that brings this invoice to this address."""
    return named("invoice", invoice.kind, str(invoice.number), address)


def _note(invoice: Invoice, language: str, office_name: str, campaigns: int) -> Note:
    words = WORDS[language]
    values = {
        "office": clean_line(office_name, NAME_LIMIT),
        "kind": words["kinds"][invoice.kind],
        "number": invoice.number,
        "total": pesos(invoice.sums.total, language),
        "day": day_in_words(invoice.day, language),
    }
    name = words["name"].format(**values)
    return Note(
        language=language,
        sign="🧾",
        accent="#1d5fbf",
        subject=words["subject"].format(**values),
        headline=name[:1].upper() + name[1:],
        title=values["total"],
        paragraphs=(words["story"].format(**values), words["attached"], *_correction(invoice, words)),
        facts=(*_lines(invoice, language), *_sums(invoice, language)),
        afterwards=(said(language, CAMPAIGNS, {"count": campaigns}),) if campaigns else (),
        footer=words["footer"].format(**values),
    )


def _correction(invoice: Invoice, words: dict[str, Any]) -> tuple[str, ...]:
    if invoice.corrects is None:
        return ()
    kind = words["kinds"][invoice.corrects.kind]
    return (words["corrects"].format(kind=kind, number=invoice.corrects.number, why=clean_line(invoice.why, 200)),)


def _lines(invoice: Invoice, language: str) -> tuple[Fact, ...]:
    return tuple(Fact(clean_line(line.text, LINE_LIMIT), pesos(line.amount, language)) for line in invoice.lines)


def _sums(invoice: Invoice, language: str) -> tuple[Fact, ...]:
    return (
        Fact(WORDS[language]["net"], pesos(invoice.sums.net, language)),
        Fact(f"IVA {VAT_PERCENT} %", pesos(invoice.sums.vat, language)),
        Fact("Total", pesos(invoice.sums.total, language)),
    )


CAMPAIGNS = counted(
    "In the month before, 1 call from a campaign's number (809) was not put through. It cost nothing.",
    "In the month before, {count} calls from campaigns' numbers (809) were not put through. They cost nothing.",
    by="count",
)

WORDS: InLanguages[dict[str, Any]] = InLanguages(
    {
        "kinds": {
            InvoiceKind.BOLETA: "receipt (boleta)",
            InvoiceKind.FACTURA: "invoice (factura)",
            InvoiceKind.CREDIT_NOTE: "credit note (nota de crédito)",
        },
        "name": "{kind} No. {number}",
        "subject": "{office}: {kind} No. {number} of {total}",
        "story": (
            "This is our own statement of {day}. It is not the electronic {kind} of the SII, which the provider of "
            "electronic invoices issues separately."
        ),
        "attached": "The document, which is in Spanish, is attached as a PDF.",
        "gone": "The document is not attached: its file is gone. If you need it, ask us for it.",
        "corrects": "It corrects the {kind} No. {number}: {why}.",
        "net": "Net",
        "footer": "Sent by {office}.",
    }
)
