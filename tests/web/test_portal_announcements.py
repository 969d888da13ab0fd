"""An owner changes what callers hear after having heard it, and goes back to the standard text."""

import io
import re
import wave
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from acting import ADMIN
from browsing import Browser, Place
from httpx import Response

from pbx_control import clock
from pbx_control.domain.audit import Verb
from pbx_control.domain.office import AnnouncementKind
from pbx_control.services import clientele, texts
from pbx_control.services.work import Work, changing
from pbx_control.store import announcements, audit, clients
from pbx_control.store.announcements import Own
from pbx_control.store.engine import reading

MONDAY = datetime(2026, 11, 23, 14, tzinfo=UTC)
HERE = "/portal/announcements"

pytestmark = pytest.mark.usefixtures("spoken")
WELCOME, CLOSED, RECORDING = AnnouncementKind.WELCOME, AnnouncementKind.CLOSED, AnnouncementKind.RECORDING


@pytest.fixture(autouse=True)
def at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: MONDAY)


def done(place: Place, act: Callable[[Work, int], object]) -> None:
    """Somebody of the office changes something."""
    with changing(place.engine, ADMIN, MONDAY) as work:
        act(work, clients.find(work.conn, "andes").id)


def own(place: Place, kind: AnnouncementKind) -> Own | None:
    with reading(place.engine) as conn:
        return announcements.find(conn, clients.find(conn, "andes").id, kind)


def confirmed(text: str) -> dict[str, str]:
    """What the preview's form sends when it is confirmed."""
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', text)) | {"act": "confirm"}


def shown(page: str) -> dict[str, str]:
    """Each announcement that the page has, and whose it is."""
    return dict(re.findall(r'data-kind="(\w+)" data-origin="(\w+)"', page))


async def test_each_announcement_stands_there_with_its_words(place: Place, owner: Browser) -> None:
    page = (await owner.get(HERE)).text
    usual = {"welcome": "none", "closed": "house", "exhausted": "house", "busy": "house", "message": "house"}
    assert shown(page) == usual
    assert "nuestro horario de atención es de lunes a viernes de las 9:00" in page
    assert "nuestro horario de atención es {hours}" in page  # as it may be changed
    done(place, lambda work, _: clientele.change(work, "andes", recording=True))
    assert shown((await owner.get(HERE)).text) == usual | {"recording": "house"}


async def test_it_is_heard_before_it_is_confirmed(place: Place, owner: Browser) -> None:
    page = await owner.post(HERE, {"act": "preview", "kind": "welcome", "text": " Bienvenido  a {name}. "})
    assert page.status_code == 200
    assert "Bienvenido a Andes." in page.text
    assert "Nothing is played." in page.text  # until now
    address = re.search(r'data-listen src="([^"]+)"', page.text)
    assert address
    assert "Bienvenido a Andes." in (await owner.get(address[1])).content.decode()
    assert own(place, WELCOME) is None
    answer = await owner.post(HERE, confirmed(page.text))
    assert (answer.status_code, answer.headers["location"]) == (303, f"{HERE}#welcome")
    assert own(place, WELCOME) == Own("welcome", "Bienvenido a {name}.", "")
    with reading(place.engine) as conn:
        newest = audit.newest(conn)[0].entry
    assert (newest.verb, newest.actor.name) == (Verb.ANNOUNCEMENT_CHANGED, "gerencia")
    assert shown((await owner.get(HERE)).text)["welcome"] == "text"


async def test_back_to_the_standard_text(place: Place, owner: Browser) -> None:
    done(place, lambda work, andes: texts.put_announcement(work, andes, CLOSED, text="Cerrado."))
    page = await owner.post(HERE, {"act": "standard", "kind": "closed", "text": "Cerrado."})
    assert "Estimado cliente, le recordamos" in page.text
    assert own(place, CLOSED)
    assert (await owner.post(HERE, confirmed(page.text))).status_code == 303
    assert own(place, CLOSED) is None


async def test_an_own_recording_is_played_and_can_be_given_up(place: Place, owner: Browser) -> None:
    done(place, lambda work, andes: texts.put_announcement(work, andes, WELCOME, audio="audio/0123456789abcdef"))
    page = (await owner.get(HERE)).text
    assert shown(page)["welcome"] == "audio"
    assert "/portal/sounds/audio/0123456789abcdef?key=" in page
    assert "Play nothing" in page
    preview = await owner.post(HERE, {"act": "standard", "kind": "welcome"})
    assert (await owner.post(HERE, confirmed(preview.text))).status_code == 303
    assert own(place, WELCOME) is None


async def test_of_two_owners_the_second_one_is_told_that_it_has_changed(place: Place, owner: Browser) -> None:
    page = await owner.post(HERE, {"act": "preview", "kind": "closed", "text": "Mío."})
    done(place, lambda work, andes: texts.put_announcement(work, andes, CLOSED, text="Del otro."))
    answer = await owner.post(HERE, confirmed(page.text))
    assert answer.status_code == 400
    assert "somebody else has changed this announcement meanwhile" in answer.text
    assert ">Mío.</textarea>" in answer.text
    assert own(place, CLOSED) == Own("closed", "Del otro.", "")


async def test_the_same_confirmed_twice_is_one_change(place: Place, owner: Browser) -> None:
    fields = confirmed((await owner.post(HERE, {"act": "preview", "kind": "closed", "text": "Mío."})).text)
    assert [(await owner.post(HERE, fields)).status_code for _ in range(2)] == [303, 400]
    with reading(place.engine) as conn:
        changed = [one for one in audit.newest(conn) if one.entry.verb is Verb.ANNOUNCEMENT_CHANGED]
    assert len(changed) == 1


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"kind": "closed", "text": ""}, "write what callers shall hear"),
        ({"kind": "closed", "text": "..."}, "the “Closed” text has no words"),
        ({"kind": "closed", "text": "{hora}"}, "{hora}, which is not known"),
        ({"kind": "welcome", "text": "x" * 1001}, "has 1001 characters"),
        ({"kind": "welcome", "text": "a\u202eb"}, "cannot be spoken"),
        ({"kind": "recording", "text": "Se graba."}, "choose an announcement"),  # is not recorded
        ({"kind": "holiday", "text": "Hola."}, "choose an announcement"),
        ({"text": "Hola."}, "choose an announcement"),
    ],
)
async def test_nonsense_is_refused_at_its_field_and_what_was_typed_stays(
    place: Place, owner: Browser, fields: dict[str, str], told: str
) -> None:
    for act in ("preview", "confirm"):
        page = await owner.post(HERE, fields | {"act": act, "version": "x"})
        assert page.status_code == 400
        assert page.text.count('role="alert"') == 1
        if act == "preview":
            assert told in page.text
    for kind in AnnouncementKind:
        assert own(place, kind) is None


async def test_what_is_typed_is_shown_as_text(owner: Browser) -> None:
    evil = '"><script>alert(1)</script>'
    for act in ("preview", "edit"):
        page = await owner.post(HERE, {"act": act, "kind": "closed", "text": evil})
        assert page.status_code == 200
        assert "<script>" not in page.text
        assert "&lt;script&gt;" in page.text


def tone(seconds: float = 1.0, level: int = 0x20) -> bytes:
    """A recording, as a browser sends it."""
    file = io.BytesIO()
    with wave.open(file, "wb") as written:
        written.setparams((1, 2, 8000, 0, "NONE", ""))
        written.writeframes((bytes([0, level]) * 10 + bytes([0, -level % 256]) * 10) * int(400 * seconds))
    return file.getvalue()


async def sends(browser: Browser, content: bytes, kind: str = "welcome", name: str = "aviso.wav") -> Response:
    files = {"audio": (name, content, "audio/wav")}
    return await browser.client.post(f"{HERE}/audio", data={"csrf": browser.csrf, "kind": kind}, files=files)


async def test_a_recording_is_sent_listened_to_and_confirmed(place: Place, owner: Browser) -> None:
    page = await sends(owner, tone())
    assert page.status_code == 200
    assert "(your own recording)" in page.text
    address = re.search(r'data-listen src="([^"]+)"', page.text)
    assert address
    assert (await owner.get(address[1])).content.startswith(b"RIFF")
    assert own(place, WELCOME) is None
    assert (await owner.post(HERE, confirmed(page.text))).status_code == 303
    kept = own(place, WELCOME)
    assert kept
    assert re.fullmatch(r"audio/[0-9a-f]{16}", kept.audio)
    assert shown((await owner.get(HERE)).text)["welcome"] == "audio"


async def test_only_a_recording_that_this_session_has_sent_is_put_in_force(place: Place, owner: Browser) -> None:
    fields = confirmed((await sends(owner, tone())).text)
    for wrong in ({"key": ""}, {"key": "0" * 32}, {"audio": "audio/0123456789abcdef"}, {"audio": "../../pbx"}):
        answer = await owner.post(HERE, fields | wrong)
        assert (answer.status_code, "write what callers shall hear" in answer.text) == (400, True)
    assert own(place, WELCOME) is None


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is no audio"),
        (b"<html>", "is no audio"),
        (tone(level=0), "there is nothing to hear"),
        (tone(181), "is longer than 3 minutes"),
    ],
    ids=["nothing", "a page", "silence", "long"],
)
async def test_what_is_no_recording_is_refused_at_its_field(
    place: Place, owner: Browser, content: bytes, told: str
) -> None:
    page = await sends(owner, content, name="<b>\u202e.wav")
    assert page.status_code == 400
    assert page.text.count('role="alert"') == 1
    problem = re.search(r'role="alert" id="welcome-audio-problem">([^<]+)', page.text)
    assert problem
    assert told in problem[1]


async def test_a_file_that_is_too_large_or_not_sent_is_refused(owner: Browser) -> None:
    assert (await sends(owner, bytes(13 * 1024 * 1024))).status_code == 413
    empty = await owner.client.post(f"{HERE}/audio", data={"csrf": owner.csrf, "kind": "welcome"})
    assert (empty.status_code, "choose an audio file" in empty.text) == (400, True)
    several = [("audio", ("a.wav", tone(), "audio/wav"))] * 2
    answer = await owner.client.post(f"{HERE}/audio", data={"csrf": owner.csrf, "kind": "welcome"}, files=several)
    assert answer.status_code == 400
