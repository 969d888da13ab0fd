"""Whose call is recorded is told so first, by words of the house where the client set none (Código Penal 161-A)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict
from story import MORNING, Story

from pbx_control.domain.call import journal
from pbx_control.domain.call.commands import RecordBridge
from pbx_control.domain.call.events import PromptEnded
from pbx_control.domain.call.model import Facts, Phase, Sounds
from pbx_control.domain.call.story import sentence
from pbx_control.domain.office import Announcement, AnnouncementKind, Client
from pbx_control.domain.opening.admission import facts_of, sounds_at, sounds_for
from pbx_control.domain.opening.hours import ALWAYS, OpenState
from pbx_control.domain.opening.overrides import Override, OverrideKind
from pbx_control.domain.sounds import LANGUAGES, default_text, house_sounds

OPEN = OpenState(True, None, "hours")
RECORDED = Client(id=1, slug="andes", name="Andes Ltda", week=ALWAYS, recording=True)
TODAY = Override(OverrideKind.ANNOUNCED, MORNING - timedelta(hours=1), MORNING + timedelta(hours=9), "Hoy no hay luz.")

anything_set = st.builds(
    Announcement, st.sampled_from(AnnouncementKind), st.sampled_from(["Hola", "Se graba"])
) | st.builds(Announcement, st.sampled_from(AnnouncementKind), audio=st.just("audio/0123456789abcdef"))


def facts_for(client: Client) -> Facts:
    """What travels with a call to that client, as the daemon makes it."""
    sounds = sounds_at(client, sounds_for(client), OPEN, MORNING, is_holiday=False)
    return facts_of(client, "+56225550101", OPEN, sounds, None, timedelta(minutes=10))


def caller_of(client: Client) -> Story:
    facts: dict[str, Any] = asdict(facts_for(client))
    return Story("Ana").caller_dials(facts.pop("slug"), **facts)


def kept_of_the_notice(story: Story) -> dict[str, Any]:
    """What the journal keeps of its end."""
    assert story.call.phase is Phase.WELCOMING
    event, before = PromptEnded(story.now, story.call.prompt), story.call
    story.happens(event)
    return journal.details(event, before, story.call) or {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_recorded_client_that_set_no_words_has_its_callers_told_in_its_language(language: str) -> None:
    client = replace(RECORDED, language=language)
    words = default_text(AnnouncementKind.RECORDING, language, client.week)
    story = caller_of(client)
    assert story.call.known.sounds.welcome[-1] in {name for name, _, _ in house_sounds()}, "setup speaks it"
    kept = kept_of_the_notice(story)
    assert (kept["text"], kept["notice"]) == (words, story.call.known.sounds.notice)
    assert words.rstrip(".") in sentence("PromptEnded", kept, language)
    story.rings("Ana").answers("Ana").expect(RecordBridge)


def test_words_for_today_do_not_take_the_place_of_the_notice() -> None:
    story = caller_of(replace(RECORDED, overrides=(TODAY,)))
    assert len(story.call.known.sounds.welcome) == 2
    assert "se graba" in kept_of_the_notice(story)["text"]


def test_who_hears_no_notice_is_not_recorded() -> None:
    """Nothing that a client can set leads there; a fault in what is set would."""
    story = caller_of(RECORDED)
    assert story.call.known.recording
    untold = facts_of(RECORDED, "+56225550101", OPEN, Sounds(welcome=("hello",)), None, timedelta(minutes=10))
    assert not untold.recording
    story = Story("Ana").caller_dials("andes", **{n: v for n, v in asdict(untold).items() if n != "slug"})
    story.passes(4).rings("Ana").answers("Ana").never(RecordBridge)


@given(
    recording=st.booleans(),
    language=st.sampled_from(LANGUAGES),
    own=st.lists(anything_set, max_size=4, unique_by=lambda one: one.kind),
    today=st.sampled_from([(), (TODAY,)]),
)
def test_nothing_that_a_client_sets_has_its_calls_recorded_unannounced(
    recording: bool, language: str, own: list[Announcement], today: tuple[Override, ...]
) -> None:
    client = replace(RECORDED, recording=recording, language=language, announcements=tuple(own), overrides=today)
    facts = facts_for(client)
    assert facts.recording == recording
    assert bool(facts.sounds.notice) == recording
    assert not recording or facts.sounds.welcome[-1] == facts.sounds.notice
