"""SIPp as the carrier and as all the secretaries' telephones: both note, on one clock, when an INVITE left or came."""

import csv
import shutil
from asyncio.subprocess import DEVNULL, PIPE, Process, create_subprocess_exec
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

SCENARIOS = Path(__file__).parent / "scenarios"
# Who hears nothing for so long has a failed call, milliseconds.
SILENCE_LIMIT = 10_000
# The longest that a call lasts by itself, for SIPp's own end, seconds.
LAST_CALL = 40


@dataclass(frozen=True, slots=True)
class Dialled:
    """What the carrier saw: when each caller's INVITE left (number -> epoch seconds), and how the calls went."""

    left_at: dict[str, float]
    good: int
    failed: int
    seconds: float  # from the first INVITE to the last


class Phones:
    """One SIPp for all telephones, at `address`; runs until `hang_up`."""

    def __init__(self, folder: Path, address: tuple[str, int], audio: int) -> None:
        self._folder, self._address, self._audio = folder, address, audio
        self._log = folder / "phones.log"
        self._process: Process | None = None

    async def start(self) -> None:
        """Takes calls from now on."""
        host, port = self._address
        self._folder.mkdir(parents=True, exist_ok=True)
        self._process = await _sipp(
            self._folder,
            *("-sf", str(SCENARIOS / "phones.xml"), "-i", host, "-p", str(port), "-mi", host),
            *("-mp", str(self._audio), "-trace_logs", "-log_file", str(self._log)),
        )

    def rung_at(self) -> dict[str, float]:
        """When the first INVITE of each caller's call came, by the caller's number, in epoch seconds."""
        return _times(self._log)

    async def hang_up(self) -> None:
        """Ends it."""
        if self._process and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


class Carrier:
    """Places calls from `address` to `switch`, each round with numbers that never come again."""

    def __init__(self, folder: Path, address: tuple[str, int], switch: tuple[str, int], audio: int) -> None:
        self._folder, self._address, self._switch, self._audio = folder, address, switch, audio
        self._placed = 0

    async def dial(self, targets: Iterable[str], rate: int) -> Dialled:
        """Dials each target once, `rate` calls a second, and waits until all of them are over."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        calls = list(targets)
        self._write_numbers(calls)
        host, port = self._address
        process = await _sipp(
            self._folder,
            "{}:{}".format(*self._switch),
            *("-sf", str(SCENARIOS / "carrier.xml"), "-inf", "numbers.csv", "-i", host, "-p", str(port)),
            *("-mi", host, "-mp", str(self._audio), "-r", str(rate), "-m", str(len(calls)), "-l", "5000"),
            *("-recv_timeout", str(SILENCE_LIMIT), "-timeout", f"{len(calls) // rate + LAST_CALL}s"),
            *("-trace_logs", "-log_file", "carrier.log", "-trace_stat", "-stf", "carrier.csv", "-fd", "1"),
        )
        _, complaint = await process.communicate()
        return self._outcome(len(calls), complaint.decode(errors="replace"))

    def _write_numbers(self, targets: list[str]) -> None:
        rows = [f"+569{10_000_000 + self._placed + place};{target}" for place, target in enumerate(targets)]
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
    """Number -> epoch seconds, of lines `day clock epoch number`; a number's first line counts."""
    times: dict[str, float] = {}
    for line in log.read_text().splitlines() if log.exists() else ():
        _, _, epoch, number = line.split()
        times.setdefault(number, float(epoch))
    return times
