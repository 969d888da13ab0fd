"""SIPp as the carrier, as all the secretaries' telephones and as the contacts: each notes, on the machine's clock, when
an INVITE left or came."""

import csv
import shutil
from asyncio.subprocess import DEVNULL, PIPE, Process, create_subprocess_exec
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SCENARIOS = Path(__file__).parent / "scenarios"
# Who hears nothing for so long has a failed call, milliseconds.
SILENCE_LIMIT = 10_000
# The longest that a call lasts by itself, for SIPp's own end, seconds.
LAST_CALL = 40
# How long a caller talks unless it matters, milliseconds.
A_SECOND = 1000


@dataclass(frozen=True, slots=True)
class Dialled:
    """What the carrier saw: when each caller's INVITE left (number -> epoch seconds), and how the calls went."""

    left_at: dict[str, float]
    good: int
    failed: int
    seconds: float  # from the first INVITE to the last


@dataclass(frozen=True, slots=True)
class Rung:
    """A telephone has got an INVITE: the caller's number, and the port at which Asterisk takes its audio."""

    number: str
    audio: int


class Answering:
    """One SIPp at `address` that takes calls as its scenario says; runs until `hang_up`."""

    scenario: str

    def __init__(self, folder: Path, address: tuple[str, int], audio: int, **keywords: int) -> None:
        self._folder, self._address, self._audio = folder, address, audio
        self._keywords = [word for name, value in keywords.items() for word in ("-key", name, str(value))]
        self._log = folder / f"{self.scenario}.log"
        self._process: Process | None = None

    async def start(self) -> None:
        """Takes calls from now on."""
        host, port = self._address
        self._folder.mkdir(parents=True, exist_ok=True)
        self._process = await _sipp(
            self._folder,
            *("-sf", str(SCENARIOS / f"{self.scenario}.xml"), "-i", host, "-p", str(port), "-mi", host),
            *("-mp", str(self._audio), "-trace_logs", "-log_file", str(self._log), *self._keywords),
        )

    async def hang_up(self) -> None:
        """Ends it."""
        if self._process and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


class Phones(Answering):
    """All telephones. Their audio comes from the port `keys`."""

    scenario = "phones"

    def __init__(self, folder: Path, address: tuple[str, int], audio: int, keys: int) -> None:
        super().__init__(folder, address, audio, keys=keys)
        self._read = 0  # bytes of the log

    async def start(self) -> None:
        self._read = 0  # the log begins anew
        await super().start()

    def rung_at(self) -> dict[str, float]:
        """When the first INVITE of each caller's call came, by the caller's number, in epoch seconds."""
        return _times(self._log)

    def newly_rung(self) -> list[Rung]:
        """Those that have rung since this was asked last."""
        if not self._log.exists():
            return []
        with self._log.open("rb") as file:
            file.seek(self._read)
            written, newline, _ = file.read().rpartition(b"\n")
        self._read += len(written + newline)
        rows = [line.split() for line in written.decode().splitlines()]
        return [Rung(number, int(audio)) for _, _, _, number, audio in rows]


class Contacts(Answering):
    """All contacts' telephones, behind the carrier."""

    scenario = "contacts"

    def rung_at(self) -> dict[str, list[float]]:
        """When INVITEs came for each number, in epoch seconds."""
        instants: dict[str, list[float]] = {}
        for at, number in _notes(self._log):
            instants.setdefault(number, []).append(at)
        return instants


class Carrier:
    """Places calls from `address` to `switch`, each round with numbers that never come again."""

    def __init__(self, folder: Path, address: tuple[str, int], switch: tuple[str, int], audio: int) -> None:
        self._folder, self._address, self._switch, self._audio = folder, address, switch, audio
        self._placed = 0

    def callers(self, calls: int) -> list[str]:
        """The callers' numbers in the next round, of so many calls."""
        return [f"+569{10_000_000 + self._placed + place}" for place in range(calls)]

    async def dial(self, targets: Iterable[str], rate: int, talk: int = A_SECOND) -> Dialled:
        """Dials each target once, `rate` calls a second, hangs up `talk` milliseconds after the answer, and waits
        until all calls are over."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        calls = list(targets)
        self._write_numbers(calls)
        host, port = self._address
        process = await _sipp(
            self._folder,
            "{}:{}".format(*self._switch),
            *("-sf", str(SCENARIOS / "carrier.xml"), "-inf", "numbers.csv", "-i", host, "-p", str(port)),
            *(
                "-mi",
                host,
                "-mp",
                str(self._audio),
                "-r",
                str(rate),
                "-m",
                str(len(calls)),
                "-l",
                "5000",
                "-d",
                str(talk),
            ),
            *("-recv_timeout", str(SILENCE_LIMIT), "-timeout", f"{len(calls) // rate + LAST_CALL}s"),
            *("-trace_logs", "-log_file", "carrier.log", "-trace_stat", "-stf", "carrier.csv", "-fd", "1"),
        )
        _, complaint = await process.communicate()
        return self._outcome(len(calls), complaint.decode(errors="replace"))

    def _write_numbers(self, targets: list[str]) -> None:
        rows = [f"{number};{target}" for number, target in zip(self.callers(len(targets)), targets, strict=True)]
        self._placed += len(rows)
        (self._folder / "numbers.csv").write_text("\n".join(["SEQUENTIAL", *rows, ""]))

    def _outcome(self, wanted: int, complaint: str) -> Dialled:
        left_at = _times(self._folder / "carrier.log")
        if not left_at:
            raise RuntimeError(f"SIPp placed no call: {complaint.strip()[-300:]}")
        with (self._folder / "carrier.csv").open() as file:
            *_, last = csv.DictReader(file, delimiter=";")
        good = int(last["SuccessfulCall(C)"])
        return Dialled(left_at, good, wanted - good, max(left_at.values()) - min(left_at.values()))


async def _sipp(folder: Path, *words: str) -> Process:
    quiet = {"stdin": DEVNULL, "stdout": DEVNULL, "stderr": PIPE}
    return await create_subprocess_exec("sipp", *words, "-nostdin", cwd=folder, **quiet)


def _times(log: Path) -> dict[str, float]:
    """Number -> epoch seconds; a number's first line counts."""
    times: dict[str, float] = {}
    for at, number in _notes(log):
        times.setdefault(number, at)
    return times


def _notes(log: Path) -> Iterator[tuple[float, str]]:
    """Epoch seconds and number of lines `day clock epoch number …`."""
    for line in log.read_text().splitlines() if log.exists() else ():
        _, _, epoch, number, *_ = line.split()
        yield float(epoch), number
