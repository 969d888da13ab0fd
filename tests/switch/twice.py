"""Plays the same stories on one home with the daemon and without it, and tells in what the two differ.

A story is an async function of a `Scene`; its decorator says which client it needs and what must come of it.
"""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from click.testing import CliRunner
from ear import Heard, listen

from cli import main
from pbx_control.domain.notices.phrases import PHRASES
from pbx_control.domain.sounds import HouseSound, house_sound, position_sound
from pbx_control.world import audio
from pbx_control.world.installation import Installation
from pbx_control.world.legs import Leg, Ringing
from pbx_control.world.people import Telephone
from pbx_control.world.post import Delivery, PostOffice
from pbx_control.world.world import World

MARIA, PEDRO, ROSA = "+56912345678", "+56987654321", "+56922223333"
# What each secretary says: tones that are neither ringing nor beep, nor likely in music for long.
VOICES = {"Ana": 1130.0, "Eva": 1310.0, "Ida": 1610.0}
CALLERS = {MARIA: 610.0, PEDRO: 510.0, ROSA: 830.0}
# The machine is shared, app_queue counts in whole seconds, and a telephone's ringing ends on its way.
TOLERANCE = 2.5  # s
# Of a longer stretch, this share besides.
SHARE = 0.1
DAEMON, SWITCH = "daemon", "switch"
EVERYTHING = 60.0  # s until rows and letters of all stories are there


@dataclass(frozen=True)
class Story:
    """What a story needs, how it is played, and what must come of it, with the daemon and without."""

    name: str
    play: Callable[["Scene"], Awaitable[None]]
    hours: str
    options: tuple[str, ...]  # of `client add`
    staff: dict[str, str]  # who may answer, and her languages
    strangers: tuple[str, ...]  # secretaries who may answer for another client only
    says: dict[str, str]  # announcements of its own
    then: tuple[str, ...]  # further commands; {slug} and {number} are filled in
    trunk: str
    holes: bool  # he waits between two conversations, which the switch does not record
    outcomes: tuple[str, ...]
    hears: tuple[str, ...] | None  # what the first caller hears, in order; None where it is left open
    letters: int


STORIES: list[Story] = []


def story(
    *,
    outcomes: Sequence[str],
    hears: Sequence[str] | None = None,
    letters: int | None = None,
    hours: str = "always",
    options: str = "",
    staff: dict[str, str] | None = None,
    strangers: Sequence[str] = (),
    says: dict[str, str] | None = None,
    then: Sequence[str] = (),
    trunk: str = "carrier",
    holes: bool = False,
) -> Callable[[Callable[["Scene"], Awaitable[None]]], Callable[["Scene"], Awaitable[None]]]:
    """Makes a story of a function. A letter is expected for each outcome, unless `letters` says otherwise."""

    def keep(play: Callable[["Scene"], Awaitable[None]]) -> Callable[["Scene"], Awaitable[None]]:
        STORIES.append(
            Story(
                name=play.__name__,
                play=play,
                hours=hours,
                options=tuple(options.split()),
                staff={"Ana": "es"} if staff is None else staff,
                strangers=tuple(strangers),
                says=says or {},
                then=tuple(then),
                trunk=trunk,
                holes=holes,
                outcomes=tuple(outcomes),
                hears=None if hears is None else tuple(hears),
                letters=len(outcomes) if letters is None else letters,
            )
        )
        return play

    return keep


@dataclass
class Firm:
    """A story's client: its number, its secretaries' telephones, and the sounds that its callers may hear."""

    slug: str
    number: str
    accounts: dict[str, dict[str, str]] = field(default_factory=dict)
    phones: dict[str, Telephone] = field(default_factory=dict)
    sounds: dict[str, Path] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return f"Peñaflor & {self.slug}"

    @property
    def mailbox(self) -> str:
        return f"{self.slug}@firma.example"


@dataclass
class Scene:
    """A story being played once."""

    firm: Firm
    world: World
    folder: Path  # for what callers say, and for scenarios
    callers: list[Leg] = field(default_factory=list)
    rings: list[Ringing] = field(default_factory=list)
    _before: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._before = {name: len(phone.calls) for name, phone in self.firm.phones.items()}

    async def dials(self, caller: str = MARIA, name: str = "", say: Path | None = None) -> Leg:
        """A caller dials the client's number, and speaks in a tone of his own."""
        leg = await self.world.call(self.firm.number, caller, name, tone=CALLERS.get(caller, 610.0), say=say)
        self.callers.append(leg)
        return leg

    def phone(self, name: str = "Ana") -> Telephone:
        return self.firm.phones[name]

    async def rung(self, name: str = "Ana", times: int = 1, seconds: float = 20) -> Ringing:
        """Her telephone rings, for the n-th time in this scene."""
        return await self.phone(name).rung(self._before[name] + times, seconds)

    def rung_so_far(self) -> list[Ringing]:
        """Every ringing of the client's telephones in this scene, in order."""
        own = [call for name, phone in self.firm.phones.items() for call in phone.calls[self._before[name] :]]
        return sorted(own, key=lambda call: call.rang.at)

    async def over(self) -> None:
        """Everybody hangs up who has not."""
        for leg in self.callers:
            await leg.hang_up()
        self.rings = self.rung_so_far()
        for ring in self.rings:
            await ring.ended(5)


# --- provisioning, as an admin does it --------------------------------------------------------------------


def somebody_who_says(path: Path, tone: float, silence: float, hertz: float) -> Path:
    """Writes so many seconds of a tone and then of silence: somebody who speaks and then waits."""
    at = np.arange(int(tone * audio.RATE)) / audio.RATE
    samples = np.concatenate([0.3 * np.sin(2 * np.pi * hertz * at), np.zeros(int(silence * audio.RATE))])
    soundfile.write(str(path), samples, audio.RATE, subtype="PCM_16")
    return path


class Admin:
    """The admin's commands, run in this process: a hundred of them, each without an interpreter of its own."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def __call__(self, *words: str) -> str:
        done = CliRunner().invoke(main, ["--home", str(self._home), "--lang", "es", *words])
        assert done.exit_code == 0, (words, done.output, done.exception)
        return done.stdout

    def ask(self, *words: str) -> Any:
        return json.loads(self(*words, "--json"))


def provision(admin: Admin, home: Path, each: Story, serial: int) -> Firm:
    """Everything that the story needs, but telephones."""
    firm = Firm(f"cuento{serial}", f"+562255520{serial:02}")
    admin("client", "add", firm.slug, "--name", firm.name, *each.options)
    admin("did", "add", firm.number, "--trunk", each.trunk)
    admin("did", "assign", firm.number, firm.slug)
    admin("hours", "set", firm.slug, each.hours)
    admin("recipient", "add", firm.slug, "--email", firm.mailbox)
    for kind, text in each.says.items():
        admin("announcement", "set", firm.slug, kind, "--text", text)
    for name, languages in each.staff.items():
        firm.accounts[name] = _hire(admin, name, languages, firm)
    if each.strangers:
        other = f"ajeno{serial}"
        admin("client", "add", other, "--name", "Otra")
        for name in each.strangers:
            words = ("secretary", "add", f"{name} {other}", "--clients", other)
            firm.accounts[name] = admin.ask(*words)
    for command in each.then:
        admin(*command.format(slug=firm.slug, number=firm.number).split())
    firm.sounds = _sounds(admin, home, firm.slug)
    return firm


def _hire(admin: Admin, name: str, languages: str, firm: Firm) -> dict[str, str]:
    account: dict[str, str] = admin.ask(
        "secretary", "add", f"{name} {firm.slug}", "--language", languages, "--clients", firm.slug
    )
    return account


def _sounds(admin: Admin, home: Path, slug: str) -> dict[str, Path]:
    own = {row["kind"]: row["sound"] for row in admin.ask("announcement", "show", slug) if row["sound"]}
    positions = {f"position {number}": position_sound(number, "es") for number in (1, 2, 3)}
    house = {"thanks": house_sound(HouseSound.MESSAGE_TAKEN, "es")} | positions
    house |= {"closed today": house_sound(HouseSound.CLOSED_TODAY, "es")}
    return {name: home / f"{sound}.wav" for name, sound in (own | house).items()}


# --- what came of it --------------------------------------------------------------------------------------


@dataclass
class Seen:
    """All that a story left behind, once played: people's ears, the log of calls, letters and files."""

    scene: Scene
    story: Story
    home: Path
    rows: list[dict[str, Any]] = field(default_factory=list)
    letters: list[Delivery] = field(default_factory=list)

    @cached_property
    def heard_by_callers(self) -> list[list[Heard]]:
        return [listen(leg.heard, self.scene.firm.sounds, VOICES) for leg in self.scene.callers]

    @cached_property
    def heard_by_secretaries(self) -> list[list[Heard]]:
        voices = dict(CALLERS)
        return [listen(ring.heard, {}, voices) for ring in self.scene.rings]

    def heard_in(self, file: str) -> list[Heard]:
        return listen(self.home / "recordings" / file, {}, VOICES | CALLERS) if file else []


class Differences(list[str]):
    """Collects what is not alike. `timed`: whether it matters when something is heard, and not only in which order."""

    def __init__(self, timed: bool) -> None:
        super().__init__()
        self.timed = timed

    def same(self, what: str, with_daemon: object, without: object) -> None:
        if with_daemon != without:
            self.append(f"{what}: with the daemon {with_daemon!r}, without {without!r}")

    def near(self, what: str, with_daemon: float | None, without: float | None) -> None:
        if with_daemon is None or without is None:
            self.same(what, with_daemon, without)
        elif abs(with_daemon - without) > TOLERANCE + SHARE * max(with_daemon, without):
            self.append(f"{what}: with the daemon {with_daemon:.1f} s, without {without:.1f} s")

    def alike(self, what: str, with_daemon: Sequence[Heard], without: Sequence[Heard]) -> None:
        """The same things in the same order, about as long, and at about the same time."""
        pairs = list(zip(with_daemon, without, strict=False))
        same = len(pairs) == max(len(with_daemon), len(without)) and all(a.what == b.what for a, b in pairs)
        timed = pairs if self.timed else []
        if not same or any(_far(a.start, b.start) or _far(a.seconds, b.seconds) for a, b in timed):
            self.append(f"{what}: with the daemon {_told(with_daemon)}; without {_told(without)}")


def _by_voice(heard: Sequence[Heard]) -> list[Heard]:
    """Two who talk at the same time have no order."""
    return sorted(heard, key=lambda one: (one.what, one.start))


def _far(a: float, b: float) -> bool:
    return abs(a - b) > TOLERANCE + SHARE * max(a, b)


def _told(heard: Sequence[Heard]) -> str:
    return ", ".join(map(str, heard)) or "nothing"


def differences(daemon: Seen, switch: Seen) -> Differences:
    """In what the story went otherwise without the daemon."""
    found = Differences(timed=not daemon.story.holes)
    _compare_rows(found, daemon, switch)
    _compare_letters(found, daemon, switch)
    _compare_callers(found, daemon, switch)
    _compare_telephones(found, daemon, switch)
    return found


# Which call it was, when, and who served it.
INSTANTS = ("id", "arrived_at", "answered_at", "ended_at", "hosted_by")
LENGTHS = ("waited", "talked")
FILES = ("recording", "message")


def _compare_rows(found: Differences, daemon: Seen, switch: Seen) -> None:
    found.same("number of calls", len(daemon.rows), len(switch.rows))
    for row, other in zip(daemon.rows, switch.rows, strict=False):
        for name in sorted(row.keys() | other.keys()):
            if name in LENGTHS:
                found.near(name, row[name], other[name])
            elif name in FILES:
                _compare_files(found, name, daemon.heard_in(row[name]), switch.heard_in(other[name]))
                found.same(f"{name} is there", bool(row[name]), bool(other[name]))
            elif name not in INSTANTS:
                found.same(name, row[name], other[name])
        for name in ("answered_at", "ended_at"):
            found.same(f"{name} is known", row[name] is not None, other[name] is not None)


def _compare_files(found: Differences, name: str, with_daemon: Sequence[Heard], without: Sequence[Heard]) -> None:
    if found.timed:
        found.alike(name, _by_voice(with_daemon), _by_voice(without))
    else:
        found.same(name, {one.what for one in with_daemon}, {one.what for one in without})


def _compare_letters(found: Differences, daemon: Seen, switch: Seen) -> None:
    found.same("number of letters", len(daemon.letters), len(switch.letters))
    for letter, other in zip(sorted(daemon.letters, key=_subject), sorted(switch.letters, key=_subject), strict=False):
        found.same("recipients", letter.to, other.to)
        found.same("subject", _subject(letter), _subject(other))
        found.same("text", _text(letter), _text(other))
        found.same("attachments", _attachments(letter), _attachments(other))


def _subject(letter: Delivery) -> str:
    return str(letter.letter["Subject"])


def _text(letter: Delivery) -> list[str]:
    """The letter's lines without its times and lengths."""
    words = PHRASES["es"]
    changing = (words.called, words.waited, words.talked, words.reference)
    lines = [line for line in letter.text.splitlines() if line]
    return [re.sub(":.*", ": …", line) if line.startswith(changing) else line for line in lines]


def _attachments(letter: Delivery) -> list[str]:
    return [part.get_content_type() for part in letter.letter.iter_attachments()]


def _compare_callers(found: Differences, daemon: Seen, switch: Seen) -> None:
    for leg, other in zip(daemon.scene.callers, switch.scene.callers, strict=True):
        found.same(f"{leg.label} is told that it rings", leg.rang.at is not None, other.rang.at is not None)
        found.near(f"{leg.label} is answered after", _since_dialled(leg), _since_dialled(other))
        found.same(f"{leg.label} ends with the cause", leg.cause, other.cause)
    for own, others in zip(daemon.heard_by_callers, switch.heard_by_callers, strict=False):
        found.alike("the caller hears", own, others)


def _since_dialled(leg: Leg) -> float | None:
    """From the first sign of the other side until the answer, s."""
    if leg.answer.at is None:
        return None
    return (leg.answer.at - (leg.rang.at or leg.answer.at)).total_seconds()


def _compare_telephones(found: Differences, daemon: Seen, switch: Seen) -> None:
    rings, others = daemon.scene.rings, switch.scene.rings
    found.same("telephones rung", [ring.label for ring in rings], [ring.label for ring in others])
    for ring, other in zip(rings, others, strict=False):
        found.same("her display", (ring.name, ring.number), (other.name, other.number))
        found.same("who she says it is", _user_of(ring.sender), _user_of(other.sender))
        found.same("she answers", ring.answer.at is not None, other.answer.at is not None)
        found.near("her telephone rings", _rang_for(ring), _rang_for(other))
    for own, other in zip(daemon.heard_by_secretaries, switch.heard_by_secretaries, strict=False):
        found.alike("the secretary hears", own, other)


def _rang_for(ring: Ringing) -> float:
    return ((ring.answer.at or ring.end.at) - ring.rang.at).total_seconds()


def _user_of(sender: str) -> str:
    """The From header without host and tag."""
    return re.sub(r"@.*|;tag=.*", "", sender)


# --- the two performances ---------------------------------------------------------------------------------


@dataclass
class Stage:
    """The home on which all stories are played, and the world around it."""

    office: Installation
    world: World
    post: PostOffice
    firms: dict[str, Firm]

    async def perform(self, folder: Path) -> dict[str, Scene | BaseException]:
        """Plays all stories at once. A story that fails does not disturb the others."""
        folder.mkdir(parents=True)
        scenes = {each.name: Scene(self.firms[each.name], self.world, folder / each.name) for each in STORIES}
        played = await asyncio.gather(*(_played(each, scenes[each.name]) for each in STORIES), return_exceptions=True)
        return {name: error or scene for (name, scene), error in zip(scenes.items(), played, strict=False)}

    async def rows(self, times: int) -> dict[str, list[dict[str, Any]]]:
        """Every story's calls, oldest first, as soon as all of them are over and no letter waits."""
        wanted = {each.name: times * len(each.outcomes) for each in STORIES}
        async with asyncio.timeout(EVERYTHING):
            while True:
                calls = await self.office.ask("call", "list", "--limit", "1000")
                by_firm = {name: _of(calls, self.firms[name]) for name in wanted}
                waiting = await self.office.ask("message", "list", "--undelivered")
                if all(len(by_firm[name]) >= wanted[name] for name in wanted) and not waiting:
                    return by_firm
                await asyncio.sleep(0.3)


async def _played(each: Story, scene: Scene) -> None:
    scene.folder.mkdir()
    try:
        await each.play(scene)
    finally:
        await scene.over()


def _of(calls: list[dict[str, Any]], firm: Firm) -> list[dict[str, Any]]:
    over = [call for call in calls if call["client"] == firm.slug and not call["live"]]
    return sorted(over, key=lambda call: call["arrived_at"])


async def play_twice(stage: Stage) -> dict[str, tuple[Seen, Seen] | BaseException]:
    """Plays all stories with the daemon, then without it, and lets it take in what happened."""
    folder = stage.world.place.folder / "say"  # the only place from which the world's people can speak
    by_daemon = await stage.perform(folder / DAEMON)
    await _rows_or_what_there_is(stage, 1)
    letters = len(stage.post.deliveries)
    await stage.office.kill_daemon()
    by_switch = await stage.perform(folder / SWITCH)
    await stage.office.start_daemon()
    await _rows_or_what_there_is(stage, 2)
    rows = await stage.office.ask("call", "list", "--limit", "1000")
    return {
        each.name: _both(stage, each, by_daemon[each.name], by_switch[each.name], rows, letters) for each in STORIES
    }


async def _rows_or_what_there_is(stage: Stage, times: int) -> None:
    """A story whose call is missing fails by itself; the others are told of."""
    try:
        await stage.rows(times)
    except TimeoutError:
        return


def _both(
    stage: Stage,
    each: Story,
    daemon: Scene | BaseException,
    switch: Scene | BaseException,
    rows: list[dict[str, Any]],
    letters: int,
) -> tuple[Seen, Seen] | BaseException:
    for played in (daemon, switch):
        if isinstance(played, BaseException):
            return played
    seen = [Seen(scene, each, stage.office.home) for scene in (daemon, switch)]
    own = _of(rows, stage.firms[each.name])
    mailbox = stage.firms[each.name].mailbox
    for one, host, delivered in zip(
        seen, (DAEMON, SWITCH), (stage.post.deliveries[:letters], stage.post.deliveries[letters:]), strict=False
    ):
        one.rows = [row for row in own if row["hosted_by"] == host]
        one.letters = [delivery for delivery in delivered if mailbox in delivery.to]
    return seen[0], seen[1]
