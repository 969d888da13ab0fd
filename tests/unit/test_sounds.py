"""Names and texts of the sounds: what a caller is told, and that anybody computes the same name for it."""

import re
from dataclasses import replace
from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbx_control.domain.office import Announcement, AnnouncementKind, Client
from pbx_control.domain.opening.admission import sounds_for
from pbx_control.domain.opening.hours import USUAL_WEEK, Span, Week, parse_week
from pbx_control.domain.opening.speech import DAYS, hours_in_words, pronounceable
from pbx_control.domain.sounds import (
    LANGUAGES,
    HouseSound,
    announcement_sound,
    announcement_text,
    check_text,
    default_text,
    fill,
    house_sound,
    house_sounds,
    position_sound,
    position_text,
    sound_name,
    sounds_of,
    uploads_of,
)
from pbx_control.domain.words.characters import printable
from pbx_control.errors import ClientMistake

OFFICE_WEEK = parse_week([USUAL_WEEK])
ANDES = Client(id=1, slug="andes", name="Andes Ltda.", week=OFFICE_WEEK)
NAME = re.compile(r"prompts/spoken/(es|en)-[0-9a-f]{16}")
CLOSED = AnnouncementKind.CLOSED

SATURDAY = (Span(5, time(10), time(13, 30)),)
ALWAYS = tuple(Span(day, time.min, time.max) for day in range(7))

weeks = st.lists(
    st.builds(
        lambda day, hours: Span(day, *sorted(hours)),
        st.integers(0, 6),
        st.lists(st.times(), min_size=2, max_size=2, unique=True),
    ),
    max_size=14,
).map(lambda spans: tuple(sorted(spans, key=lambda span: (span.weekday, span.opens))))


def with_own(client: Client, kind: AnnouncementKind, text: str = "", audio: str = "") -> Client:
    return replace(client, announcements=(Announcement(kind, text, audio),))


def test_the_default_closed_announcement_is_the_companys_own_recording_with_the_days() -> None:
    assert announcement_text(ANDES, CLOSED) == (
        "Estimado cliente, le recordamos que nuestro horario de atención es de lunes a viernes "
        "de las 9:00 a las 13:00 horas y de las 14:00 a las 18:00 horas. Gracias por llamar."
    )


def test_the_default_in_english_ends_its_sentence_once() -> None:
    assert announcement_text(replace(ANDES, language="en"), CLOSED) == (
        "Dear customer, please note that our opening hours are Monday to Friday from 9:00 a.m. to 1:00 p.m. "
        "and from 2:00 p.m. to 6:00 p.m. Thank you for calling."
    )


@pytest.mark.parametrize(
    ("week", "spanish", "english"),
    [
        (
            OFFICE_WEEK + SATURDAY,
            "de lunes a viernes de las 9:00 a las 13:00 horas y de las 14:00 a las 18:00 horas; "
            "los sábados de las 10:00 a las 13:30 horas",
            "Monday to Friday from 9:00 a.m. to 1:00 p.m. and from 2:00 p.m. to 6:00 p.m.; "
            "Saturdays from 10:00 a.m. to 1:30 p.m.",
        ),
        (ALWAYS, "de 24 horas, todos los días", "24 hours a day, every day"),
        ((), "por ahora, sin atención", "for now, none"),
        (
            tuple(Span(day, time(9), time(12)) for day in range(7)),
            "todos los días de las 9:00 a las 12:00 horas",
            "every day from 9:00 a.m. to noon",
        ),
        (
            tuple(Span(day, time.min, time(1)) for day in (0, 2, 4, 5, 6)),
            "los lunes, los miércoles y de viernes a domingo de las 0:00 a la 1:00 horas",
            "Mondays, Wednesdays and Friday to Sunday from midnight to 1:00 a.m.",
        ),
        (
            (*(Span(day, time(22), time.max) for day in (0, 1)), *ALWAYS[5:]),
            "los lunes y martes de las 22:00 a las 24:00 horas; los sábados y domingos las 24 horas",
            "Mondays and Tuesdays from 10:00 p.m. to midnight; Saturdays and Sundays 24 hours a day",
        ),
        (ALWAYS[:5], "de lunes a viernes las 24 horas", "Monday to Friday 24 hours a day"),
        (
            parse_week(["mon-thu", "09:00-13:00", "14:00-18:00", "fri", "09:00-15:00"]),
            "de lunes a jueves de las 9:00 a las 13:00 horas y de las 14:00 a las 18:00 horas; "
            "los viernes de las 9:00 a las 15:00 horas",
            "Monday to Thursday from 9:00 a.m. to 1:00 p.m. and from 2:00 p.m. to 6:00 p.m.; "
            "Fridays from 9:00 a.m. to 3:00 p.m.",
        ),
    ],
)
def test_hours_are_told_in_words(week: Week, spanish: str, english: str) -> None:
    assert hours_in_words(week, "es") == spanish
    assert hours_in_words(week, "en") == english


@given(weeks)
def test_every_opening_and_closing_time_is_told(week: Week) -> None:
    told = hours_in_words(week, "es")
    for span in week:
        if (span.opens, span.closes) != (time.min, time.max):
            assert f"{span.opens.hour}:{span.opens.minute:02}" in told
            closes = "24:00" if span.closes == time.max else f"{span.closes.hour}:{span.closes.minute:02}"
            assert closes in told


@given(weeks.filter(lambda week: week != ALWAYS), st.sampled_from(LANGUAGES))
def test_every_day_of_opening_is_named_or_lies_in_a_range_that_is(week: Week, language: str) -> None:
    told = hours_in_words(week, language).lower()
    for day in {span.weekday for span in week}:
        stem = DAYS[language][day].lower().removesuffix("s")
        assert stem in told or re.search(r"(de \w+ a|\w+ to) \w+|todos los días|every day", told)


@pytest.mark.parametrize(
    ("text", "language", "spoken"),
    [
        ("de las 9:00 a las 13:00 horas", "es", "de las 9 a las 13 horas"),
        ("de la 1:00 a las 21:00 horas", "es", "de la una a las veintiuna horas"),
        ("de las 0:00 a la 1:00 horas", "es", "de las cero a la una hora"),
        ("9:05, 18:30 y 08:45", "es", "9 cero 5, 18 30 y 8 45"),
        ("from 9:00 a.m. to 6:30 p.m.", "en", "from 9 a.m. to 6 30 p.m."),
        ("at 9:05 am, 10:00 and 14:00", "en", "at 9 oh 5 am, 10 o'clock and 14"),
        ("resultado 3:2 y 12:34:56", "es", "resultado 3:2 y 12:34:56"),
        ("una[[_^_en]]\r\n\0<b>dos</b> {x}", "es", "una _^_en b dos /b x"),
    ],
)
def test_a_voice_is_given_times_in_words_and_nothing_that_steers_it(text: str, language: str, spoken: str) -> None:
    assert pronounceable(text, language) == spoken


@given(st.text(), st.sampled_from(LANGUAGES))
def test_what_a_voice_is_given_is_one_printable_line(text: str, language: str) -> None:
    spoken = pronounceable(text, language)
    assert printable(spoken)
    assert not set("[]{}<>|\\") & set(spoken)
    assert spoken == spoken.strip()


def test_a_client_that_is_never_open_names_no_hours() -> None:
    text = announcement_text(replace(ANDES, week=()), CLOSED)
    assert "horario" not in text
    assert "{" not in text


def test_a_clients_own_text_is_filled_in() -> None:
    client = with_own(ANDES, CLOSED, "{name}: atendemos {hours}.")
    assert announcement_text(client, CLOSED) == (
        "Andes Ltda.: atendemos de lunes a viernes de las 9:00 a las 13:00 horas y de las 14:00 a las 18:00 horas."
    )


def test_a_name_in_braces_is_not_filled_in_again() -> None:
    assert fill("Con {name}", replace(ANDES, name="{hours} {name}")) == "Con {hours} {name}"


def test_changed_hours_give_the_announcement_another_name() -> None:
    assert announcement_sound(ANDES, CLOSED) != announcement_sound(replace(ANDES, week=OFFICE_WEEK + SATURDAY), CLOSED)


def test_an_upload_is_played_as_it_is_and_never_spoken() -> None:
    client = with_own(ANDES, CLOSED, audio="audio/0123456789abcdef")
    assert announcement_sound(client, CLOSED) == "prompts/audio/0123456789abcdef"
    assert uploads_of(client) == ["prompts/audio/0123456789abcdef"]
    assert announcement_text(client, CLOSED) not in [text for _, text, _ in sounds_of(client)]


def test_a_welcome_is_played_only_where_a_client_set_one() -> None:
    assert announcement_sound(ANDES, AnnouncementKind.WELCOME) == ""
    assert NAME.fullmatch(
        announcement_sound(with_own(ANDES, AnnouncementKind.WELCOME, "Hola"), AnnouncementKind.WELCOME)
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_whoever_is_recorded_is_told_so_also_where_a_client_set_nothing(language: str) -> None:
    """Código Penal 161-A, Ley 21.719."""
    kind, client = AnnouncementKind.RECORDING, replace(ANDES, language=language)
    assert (announcement_text(client, kind), sounds_for(client).notice) == ("", "")
    recorded = replace(client, recording=True)
    assert announcement_text(recorded, kind) == default_text(kind, language, client.week)
    assert sounds_for(recorded).welcome == (announcement_sound(recorded, kind),)
    assert sounds_for(recorded).notice_text == announcement_text(recorded, kind)
    own = with_own(recorded, kind, "Se graba")
    assert (sounds_for(own).notice_text, sounds_for(own).notice) == ("Se graba", sound_name("Se graba", language))
    uploaded = with_own(recorded, kind, audio="audio/0123456789abcdef")
    assert (sounds_for(uploaded).notice_text, sounds_for(uploaded).notice) == ("", "prompts/audio/0123456789abcdef")
    assert set(sounds_of(recorded)) <= set(house_sounds())


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_defaults_never_speak_of_plans(language: str) -> None:
    said = " ".join(text for _, text, _ in house_sounds([language])).lower()
    assert not re.search(r"\b(plan|planes|plans|bolsa|cuota|quota|agotad|saldo|secretari)", said)


def test_all_sounds_of_a_client_are_named_by_their_text() -> None:
    for kind in AnnouncementKind:
        name = announcement_sound(ANDES, kind)
        assert not name or (name, announcement_text(ANDES, kind), "es") in sounds_of(ANDES)
    assert all(name == sound_name(text, language) for name, text, language in sounds_of(ANDES))


def test_a_client_with_the_usual_hours_needs_nothing_that_the_house_has_not_spoken() -> None:
    assert set(sounds_of(ANDES)) <= set(house_sounds())


def test_the_house_has_every_sound_of_its_own() -> None:
    names = [name for name, _, _ in house_sounds()]
    for language in LANGUAGES:
        assert {position_sound(position, language) for position in range(1, 30)} <= set(names)
        assert {house_sound(sound, language) for sound in HouseSound} <= set(names)
    assert len(names) == len(set(names))


def test_positions_beyond_twenty_are_told_alike() -> None:
    assert position_text(3, "es") == "Usted es el número 3 en la espera."
    assert position_text(20, "en") == "You are number 20 in line."
    assert position_sound(21, "es") == position_sound(500, "es") != position_sound(20, "es")


@given(st.text(), st.sampled_from(LANGUAGES))
def test_a_name_is_safe_whatever_the_text(text: str, language: str) -> None:
    assert NAME.fullmatch(sound_name(text, language))


@given(st.text(alphabet=st.characters(codec=None)))
def test_a_text_that_is_taken_can_be_spoken(text: str) -> None:
    try:
        taken = check_text(CLOSED, text)
    except ClientMistake:
        return  # most of what hypothesis makes up: to reject it would seem unhealthy to it
    assert printable(taken)
    assert check_text(CLOSED, taken) == taken
    assert pronounceable(fill(taken, ANDES), "es")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no words"),
        (" \n ¿…? ", "no words"),
        ("Hola {nombre}", r"\{nombre\}.*only \{hours\} \{name\}"),
        ("Hola {", r"has \{,"),
        ("Hola {name!r}", "not known"),
        ("Hola {0}", "not known"),
        ("x" * 1001, "1001 characters"),
        ("hola\0", "cannot be spoken"),
        ("hola\x1b[2J", "cannot be spoken"),
    ],
)
def test_a_text_that_cannot_be_spoken_is_refused(text: str, why: str) -> None:
    with pytest.raises(ClientMistake, match=why):
        check_text(AnnouncementKind.MESSAGE, text)


def test_a_text_of_several_lines_becomes_one() -> None:
    assert check_text(CLOSED, " Hola,\r\n\tllame {hours}. ") == "Hola, llame {hours}."
