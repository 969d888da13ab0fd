"""The sentences of a call's letter by what became of the call."""

from dataclasses import dataclass

from pbx_control.catalogue import InLanguages
from pbx_control.domain.call.model import Outcome


@dataclass(frozen=True, slots=True)
class Told:
    """How a letter tells what became of a call."""

    subject: str
    headline: str
    story: str


@dataclass(frozen=True, slots=True)
class Phrases:
    """The sentences of one language. In braces: client, caller, secretary, contact, office."""

    subjects: dict[Outcome, str]
    headlines: dict[Outcome, str]
    stories: dict[Outcome, str]
    transferred: Told  # answered, and handed over to a contact
    lost: Told  # wanted to leave a message, which could not be recorded
    flaws: dict[str, str]
    message: str
    message_lost: str
    message_cut: str
    withheld: str
    somebody: str  # who answered, if it is not known
    called: str
    caller: str
    did: str
    waited: str
    talked: str
    transferred_to: str
    with_secretary: str  # talked, before the call was handed over
    wrong_number: str
    spam: str
    not_charged: str
    recording: str
    reference: str
    call_back: str
    attached: str
    sound_gone: str  # what stands in place of `attached`
    footer: str
    message_from: str  # the subject of what she wrote
    message_with_gist: str  # {gist}
    correction_of: str  # {subject}
    message_headline: str
    correction_headline: str
    still_missing: str  # of the words that she has not sent
    unfinished: str
    at_hand_over: str
    corrected: str
    before: str  # {was}
    cut: str  # what did not fit into a chat's message

    def told(self, outcome: Outcome) -> Told:
        """How the outcome is told, where nobody was handed over."""
        return Told(self.subjects[outcome], self.headlines[outcome], self.stories[outcome])


PHRASES = InLanguages(
    Phrases(
        subjects={
            Outcome.ANSWERED: "{client}: call from {caller}, answered by {secretary}",
            Outcome.MISSED: "{client}: missed call from {caller}",
            Outcome.CLOSED: "{client}: call from {caller} outside opening hours",
            Outcome.LEFT_MESSAGE: "{client}: voice message from {caller}",
            Outcome.EXHAUSTED: "{client}: call from {caller}, not answered",
            Outcome.BLOCKED: "{client}: call from {caller}, blocked",
        },
        headlines={
            Outcome.ANSWERED: "Call answered",
            Outcome.MISSED: "Missed call",
            Outcome.CLOSED: "Call outside opening hours",
            Outcome.LEFT_MESSAGE: "Voice message",
            Outcome.EXHAUSTED: "Call not answered",
            Outcome.BLOCKED: "Call blocked",
        },
        stories={
            Outcome.ANSWERED: "{secretary} answered it.",
            Outcome.MISSED: "The call ended before anybody could answer it.",
            Outcome.CLOSED: "It came outside the opening hours, and the closed announcement was played.",
            Outcome.LEFT_MESSAGE: "Nobody could answer in time, and the caller left a voice message.",
            Outcome.EXHAUSTED: "The service is suspended or the plan has no calls left; no telephone rang.",
            Outcome.BLOCKED: "The number is blocked; no telephone rang.",
        },
        transferred=Told(
            "{client}: call from {caller}, transferred to {contact}",
            "Call transferred",
            "{secretary} answered it and transferred it to {contact}.",
        ),
        lost=Told(
            "{client}: {caller} wanted to leave a message, which could not be recorded",
            "Message not recorded",
            "Nobody could answer in time, and the caller wanted to leave a message, but it could not be recorded: "
            "the caller was asked to call again.",
        ),
        message="Message",
        message_lost="could not be recorded",
        message_cut="incomplete: only {kept} could be recorded",
        flaws={
            "missing": "missing: it could not be kept",
            "short": "incomplete: shorter than the call",
            "long": "doubtful: longer than the call",
        },
        withheld="withheld number",
        somebody="a secretary",
        called="When",
        caller="Caller",
        did="Your number",
        waited="Waited",
        talked="Talked",
        transferred_to="Transferred to",
        with_secretary="With the secretary",
        wrong_number="Wrong number",
        spam="Unwanted call",
        not_charged="not charged to your plan",
        recording="Recording",
        reference="Reference",
        call_back="Call back",
        attached="The message is attached to this e-mail.",
        sound_gone="The message is not attached any more: its file is gone.",
        footer="Sent automatically by {office}, who answers the calls of {client}.",
        message_from="{client}: message from {caller}",
        message_with_gist="{client}: message from {caller}: {gist}",
        correction_of="Correction: {subject}",
        message_headline="Message",
        correction_headline="Correction of the message",
        still_missing="The secretary's written message is still missing; it follows when she has written it.",
        unfinished="Unfinished: the secretary has not completed this message yet. The whole of it follows.",
        at_hand_over="Written when the call was transferred.",
        corrected="This replaces the message before; what has changed is marked.",
        before="before: {was}",
        cut="The message is longer than fits here; the e-mail has all of it.",
    )
)
