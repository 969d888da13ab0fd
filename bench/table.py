"""The tables that `make bench` prints, as Markdown, and what they say of the goals."""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench import calendars, wallboards
from bench.beside import ALONE, BESIDE, NO_PLAN, Beside
from bench.calendars import Calendars
from bench.consultation import Consultations
from bench.desks import Desks
from bench.letters import Letters
from bench.listening import LISTENERS, Listening
from bench.listening import RATE as LISTENED_RATE
from bench.measure import Round, percentile
from bench.publishing import RELOAD, Publications
from bench.start import BARE, SQLALCHEMY, Starts
from bench.wallboards import Ages, Wallboards
from bench.ways import DIAL, FASTAGI, PBX_CONTROL

WAYS = (PBX_CONTROL, DIAL, FASTAGI)
# A cell where there is nothing to measure.
NONE = "-"
# The goals: set-up against bare Dial() at this rate, calls a second, daemon CPU a call in milliseconds.
GOAL_RATE, GOAL_RATIO, GOAL_SUSTAINED, GOAL_CPU = 50, 2.0, 100, 8.0
# And the set-up of a consultation, p99 in milliseconds.
GOAL_CONSULTATION = 100.0
# And of a crowd at the channel: its share of the daemon's CPU.
GOAL_LISTENING = 0.05
# And of a letter, from send until the mail server has it: p99 in milliseconds.
GOAL_LETTER = 1000.0
# And of the desk: a pop in milliseconds (p99), and what open pages add to set-up, a share.
GOAL_POP, GOAL_PAGES = 300.0, 0.1
# And of a wallboard: how old a figure is at most, milliseconds, and set-up against that without any.
GOAL_AGE, GOAL_WALL = 1000.0, 1.1
# And of calls beside a purge: p99 against that without one, the purge in seconds, and its memory's growth from a
# quarter of its time on.
GOAL_BESIDE, GOAL_PURGE, GOAL_FLAT = 1.2, 60.0, 1.05
# And of clients' own calendars: the first reading of a large one, and how old any of them is at most, seconds.
GOAL_FIRST, GOAL_ROUND = 60.0, 60.0
# And of a change of provisioning, until the switch has it, in seconds: what README.md promises.
GOAL_LIVE = 2.0
# And of a list's start, against importing SQLAlchemy alone.
LIST, GOAL_START = "client list", 1.5


@dataclass(frozen=True, slots=True)
class Memory:
    """The controlling process's resident memory before and after its calls, megabytes."""

    before: float
    after: float
    calls: int


@dataclass(frozen=True, slots=True)
class Results:
    """All that was measured."""

    rounds: Sequence[Round]  # at the fixed rates, several for each way
    steps: Sequence[Round]  # beyond them, for the knee; a step that did not succeed was tried twice
    memory: dict[str, Memory]

    def of(self, way: str, rate: int) -> list[Round]:
        """The rounds of one way at one rate."""
        return [each for each in self.rounds if (each.way, each.rate) == (way, rate)]

    def median(self, way: str, rate: int, value: Callable[[Round], float]) -> float:
        """The median over the rounds of one way at one rate."""
        return statistics.median(value(each) for each in self.of(way, rate))

    def sustained(self, way: str) -> int:
        """The highest rate up to which every rate was sustained, in at least one round each; 0 if none was."""
        reached = 0
        mine = [each for each in (*self.rounds, *self.steps) if each.way == way]
        for rate in sorted({each.rate for each in mine}):
            if not any(each.sustained for each in mine if each.rate == rate):
                break
            reached = rate
        return reached

    @property
    def rates(self) -> list[int]:
        """The fixed rates, ascending."""
        return sorted({each.rate for each in self.rounds})


def table(results: Results) -> str:
    """The measurements, a row each, a column for each way; the last column is pbx-control against Dial()."""
    rows = [row for rate in results.rates for row in _setup_rows(results, rate)]
    rows.append(["calls/s sustained, no call failed", *(f"{results.sustained(way)}" for way in WAYS), NONE])
    rows += [_cpu_row(results, rate) for rate in results.rates[1:]]
    rows += [_asterisk_row(results, rate) for rate in results.rates[1:]]
    rows.append(["memory before → after, MB", *(_memory(results, way) for way in WAYS), NONE])
    return markdown(["", *WAYS, f"{PBX_CONTROL} / {DIAL}"], rows)


def goals(results: Results) -> list[str]:
    """A sentence for each goal: what was reached."""
    ratio = _ratio(results, GOAL_RATE, lambda each: each.p50)
    sustained = results.sustained(PBX_CONTROL)
    cpu = results.median(PBX_CONTROL, GOAL_RATE, _control_cpu)
    return [
        f"p50 set-up at {GOAL_RATE}/s, goal at most {GOAL_RATIO:g} x Dial(): {ratio:.2f}, {_word(ratio <= GOAL_RATIO)}",
        f"calls/s sustained, goal {GOAL_SUSTAINED}: {sustained}, {_word(sustained >= GOAL_SUSTAINED)}",
        f"daemon CPU a call at {GOAL_RATE}/s, goal at most {GOAL_CPU:g} ms: {cpu:.1f} ms, {_word(cpu <= GOAL_CPU)}",
    ]


def consultation_table(done: Consultations) -> str:
    """The measurements of supervised transfers."""
    at = f"at {done.rate}/s"
    instants = (("consultation", done.from_end), ("from the key's first packet", done.from_beginning))
    rows = [
        [f"{what} {at}, p{percent}, ms", f"{percentile(values, percent):.1f}"]
        for what, values in instants
        for percent in (50, 99)
    ]
    rows += [
        ["transfers/s reached", f"{done.reached:.1f}"],
        ["transfers, failed", f"{done.calls}, {done.failed}"],
        [f"control CPU a transferred call {at}, ms", f"{done.control_cpu:.1f}"],
        [f"Asterisk CPU a transferred call {at}, ms", f"{done.asterisk_cpu:.1f}"],
    ]
    return markdown(["supervised transfers", PBX_CONTROL], rows)


def consultation_goal(done: Consultations) -> str:
    """A sentence for their goal: what was reached."""
    reached = done.p99 <= GOAL_CONSULTATION and not done.failed
    goal = f"p99 consultation at {done.rate}/s, goal at most {GOAL_CONSULTATION:g} ms, no transfer failed"
    return f"{goal}: {done.p99:.1f} ms, {done.failed} failed, {_word(reached)}"


def desks_table(done: Desks) -> str:
    """The measurements of pops, and of set-up without and with pages."""
    kinds = (
        (f"painted, {len(done.painted)} in browsers", done.painted),
        (f"told, {len(done.told)} to streams", done.told),
    )
    rows = [
        [f"{what}, p{percent}, ms", f"{percentile(values, percent):.0f}"]
        for what, values in kinds
        for percent in (50, 99)
    ]
    rows += [
        [f"set-up {how}, p50 / p99, ms", f"{_median(rounds, 50):.1f} / {_median(rounds, 99):.1f}"]
        for how, rounds in (("without pages", done.alone), (f"with {done.shift.desks} pages", done.beside))
    ]
    rows.append(["web process CPU a call, ms", f"{statistics.median(done.web_cpu):.1f}"])
    return markdown([f"pops at {done.shift.rate} calls/s", PBX_CONTROL], rows)


def _median(rounds: Sequence[Round], percent: int) -> float:
    return statistics.median(each.p50 if percent == 50 else each.p99 for each in rounds)


def desks_goals(done: Desks) -> list[str]:
    """A sentence for each of their goals: what was reached."""
    worst = max(percentile(done.painted, 99), percentile(done.told, 99))
    slower = done.slower(percent50=True)
    return [
        f"p99 pop, goal at most {GOAL_POP:g} ms: {worst:.0f} ms, {done.failed} failed, {_word(worst <= GOAL_POP)}",
        f"p50 set-up with pages, goal at most {GOAL_PAGES:.0%} more: {slower:+.1%}, {_word(slower <= GOAL_PAGES)}",
    ]


def wallboards_table(done: Wallboards) -> str:
    """Set-up and CPU without and with open wallboards, the medians of the rounds; then how old their figures were."""
    rows = [_wall_row(done, what, value) for what, value in WALL_ROWS]
    web = [statistics.median(done.web_cpu[way]) for way in WALL_WAYS]
    calls = (_calls_and_failed(_on_the_wall(done, way)) for way in WALL_WAYS)
    rows += [
        ["web process CPU a call, ms", *(f"{each:.1f}" for each in web), NONE],
        ["calls, failed", *calls, NONE],
        ["a secretary talks, old, p50 / p99 / worst, ms", NONE, _ages(done.floor), NONE],
        ["calls of the day, old, p50 / p99 / worst, ms", NONE, _ages(done.day), NONE],
        ["changes that pages never showed", NONE, f"{done.floor.missing + done.day.missing}", NONE],
    ]
    head = [f"wallboards at {done.hall.rate} calls/s", "none", f"{done.hall.boards} open", "ratio"]
    return markdown(head, rows)


def wallboards_goals(done: Wallboards) -> list[str]:
    """A sentence for each of their goals: what was reached."""
    worst, missing = max((*done.floor.took, *done.day.took), default=math.inf), done.floor.missing + done.day.missing
    fresh = worst <= GOAL_AGE and not missing
    failed = sum(each.failed for each in done.rounds)
    ratios = [(what, _wall_ratio(done, value)) for what, value in (("p50", _p50), ("p99", _p99))]
    return [
        f"figures on {done.hall.boards} wallboards, goal at most {GOAL_AGE:.0f} ms old and none missing: "
        f"{worst:.0f} ms at worst, {missing} missing, {_word(fresh)}",
        *(
            f"{what} set-up at {done.hall.rate}/s with wallboards, goal at most {GOAL_WALL:g} x without, "
            f"no call failed: {ratio:.2f}, {failed} failed, {_word(ratio <= GOAL_WALL and not failed)}"
            for what, ratio in ratios
        ),
    ]


def _wall_row(done: Wallboards, what: str, value: Callable[[Round], float]) -> list[str]:
    cells = (f"{_wall_median(done, way, value):.1f}" for way in WALL_WAYS)
    return [what.format(rate=done.hall.rate), *cells, f"{_wall_ratio(done, value):.2f}"]


def _wall_ratio(done: Wallboards, value: Callable[[Round], float]) -> float:
    return _wall_median(done, wallboards.OPEN, value) / _wall_median(done, wallboards.CLOSED, value)


def _wall_median(done: Wallboards, way: str, value: Callable[[Round], float]) -> float:
    return statistics.median(map(value, _on_the_wall(done, way)))


def _on_the_wall(done: Wallboards, way: str) -> list[Round]:
    return [each for each in done.rounds if each.way == way]


def _ages(ages: Ages) -> str:
    return " / ".join(f"{percentile(ages.took, percent):.0f}" for percent in (50, 99, 100))


def listening_table(done: Listening) -> str:
    """The daemon's CPU a call without and with a crowd that listens."""
    alone, heard = (statistics.median(map(_control_cpu, rounds)) for rounds in (done.alone, done.heard))
    calls = sum(each.calls for each in (*done.alone, *done.heard))
    rows = [
        [f"control CPU a call at {LISTENED_RATE}/s, ms", f"{alone:.2f}", f"{heard:.2f}"],
        ["calls, failed", NONE, f"{calls}, {done.failed}"],
    ]
    return markdown(["the channel", "nobody listens", f"{LISTENERS} listen"], rows)


def listening_goal(done: Listening) -> str:
    """A sentence for its goal: what was reached."""
    reached = done.cost <= GOAL_LISTENING and not done.failed
    goal = f"CPU of {LISTENERS} listeners at {LISTENED_RATE}/s, goal at most {GOAL_LISTENING:.0%} of the daemon's"
    return f"{goal}: {done.cost:+.1%}, {done.failed} failed, {_word(reached)}"


def beside_table(done: Beside) -> str:
    """Set-up with and without a purge under way, the medians of the rounds; then what the purges took."""
    results = Results(done.rounds, (), {})
    rows = [_beside_row(results, rate, *each) for rate in results.rates for each in BESIDE_ROWS]
    rows += [
        [f"calls at {rate}/s, failed", *(_calls_and_failed(results.of(way, rate)) for way in BESIDE_WAYS), NONE]
        for rate in results.rates
    ]
    early = statistics.median(each.early for each in done.purges)
    kept = done.extent.recordings - done.extent.due
    rows += [
        [what, NONE, NONE, cell, NONE]
        for what, cell in (
            (f"purge of {done.extent.due}, {kept} stay, s", f"{statistics.median(_seconds(done)):.1f}"),
            ("its CPU, s", f"{statistics.median(each.cpu for each in done.purges):.1f}"),
            ("its memory after a quarter → peak, MB", f"{early:.0f} → {_peak(done):.0f}"),
        )
    ]
    return markdown(["", *BESIDE_WAYS, f"{BESIDE} / {ALONE}"], rows)


def beside_goals(done: Beside) -> list[str]:
    """A sentence for each goal of the purge: what was reached."""
    results = Results(done.rounds, (), {})
    slowest = max(_seconds(done))
    growth = max(each.peak / each.early for each in done.purges)
    return [
        *(_beside_goal(results, rate) for rate in results.rates),
        f"purge of {done.extent.due} beside calls, goal under {GOAL_PURGE:g} s: "
        f"{slowest:.1f} s at the longest, {_word(slowest < GOAL_PURGE)}",
        f"its memory, goal flat: at most {growth:.2f} times that after a quarter, {_word(growth <= GOAL_FLAT)}",
    ]


def calendars_table(done: Calendars) -> str:
    """Set-up with and without calendars that are read, the medians of the rounds; then the first synchronisation."""
    results = Results(done.rounds, (), {})
    ways = (calendars.ALONE, calendars.BESIDE)
    rows = [
        [f"set-up at {calendars.RATE}/s, {what}, ms", *(f"{read(results, way):.1f}" for way in ways)]
        for what, read in (("p50", _calendars_p50), ("p99", _calendars_p99))
    ]
    rows += [
        ["calls, failed", *(_calls_and_failed(results.of(way, calendars.RATE)) for way in ways)],
        [f"of {done.crowd.calendars} calendars the one read longest ago, s", NONE, f"{max(done.oldest):.0f}"],
        [f"first reading of {done.first.events} events, s", f"{done.first.seconds:.1f}", NONE],
        ["its CPU, s", f"{done.first.cpu:.1f}", NONE],
    ]
    return markdown(["clients' own calendars", *ways], rows)


def calendars_goals(done: Calendars) -> list[str]:
    """A sentence for each goal of calendars: what was reached."""
    results = Results(done.rounds, (), {})
    ratio = _calendars_p99(results, calendars.BESIDE) / _calendars_p99(results, calendars.ALONE)
    failed = sum(each.failed for each in results.of(calendars.BESIDE, calendars.RATE))
    oldest, first = max(done.oldest), done.first
    return [
        f"first synchronisation of {first.events} events, goal under {GOAL_FIRST:g} s: {first.seconds:.1f} s, "
        f"{_word(first.seconds < GOAL_FIRST)}",
        f"each of {done.crowd.calendars} calendars read within {GOAL_ROUND:g} s: {oldest:.0f} s ago at the longest, "
        f"{_word(oldest <= GOAL_ROUND)}",
        f"p99 beside them / p99 alone at {calendars.RATE}/s, goal at most {GOAL_BESIDE:g} and none failed: "
        f"{ratio:.2f}, {failed} failed, {_word(ratio <= GOAL_BESIDE and not failed)}",
    ]


def _calendars_p50(results: Results, way: str) -> float:
    return statistics.median(each.p50 for each in results.of(way, calendars.RATE))


def _calendars_p99(results: Results, way: str) -> float:
    return statistics.median(each.p99 for each in results.of(way, calendars.RATE))


def start_table(done: Starts) -> str:
    """What the start of each command takes, and how many times that of bare Python and of SQLAlchemy's import."""
    rows = [
        [line, f"{done.median(line):.0f}", *(f"{_times(done, line, than):.1f}" for than in (BARE, SQLALCHEMY))]
        for line in done.runs
    ]
    return markdown(["start of a command", "CPU, ms", "/ bare Python", "/ import sqlalchemy"], rows)


def start_goal(done: Starts) -> str:
    """A sentence for its goal: what was reached."""
    times = _times(done, LIST, SQLALCHEMY)
    goal = f"CPU of `{LIST}`, goal at most {GOAL_START:g} x that of importing SQLAlchemy"
    return f"{goal}: {times:.2f}, {_word(times <= GOAL_START)}"


def letters_table(done: Sequence[Letters]) -> str:
    """How soon a letter is with the mail server, on each database."""
    rows = [
        [what, *(show(each) for each in done)]
        for what, show in (
            ("from send to acceptance, p50, ms", lambda each: f"{each.p50:.0f}"),
            ("from send to acceptance, p99, ms", lambda each: f"{each.p99:.0f}"),
            ("the slowest, ms", lambda each: f"{max(each.took, default=math.inf):.0f}"),
            ("letters, missing, twice", lambda each: f"{each.written}, {each.missing}, {each.twice}"),
            ("letters/s reached", lambda each: f"{each.reached:.1f}"),
            ("CPU a letter, ms", lambda each: f"{each.cpu:.1f}"),
        )
    ]
    return markdown([f"letters, {done[0].rate}/s", *(each.database for each in done)], rows)


def letters_goals(done: Sequence[Letters]) -> list[str]:
    """A sentence for each database: what was reached."""
    return [
        f"p99 from send to acceptance at {each.rate}/s, {each.database}, goal at most {GOAL_LETTER:.0f} ms and none "
        f"missing: {each.p99:.0f} ms, {each.missing} missing, {_word(each.p99 <= GOAL_LETTER and not each.missing)}"
        for each in done
    ]


def publishing_table(done: Publications) -> str:
    """How long each kind of change takes until the switch has it, beside Asterisk's own reading."""
    rows = [[what, f"{statistics.median(took):.3f}", f"{max(took):.3f}"] for what, took in done.rounds.items()]
    return markdown([f"live in the switch, {done.clients} clients", "median, s", "slowest, s"], rows)


def publishing_goal(done: Publications) -> str:
    """A sentence for its goal: what was reached."""
    slowest = max(max(took) for what, took in done.rounds.items() if what != RELOAD)
    goal = f"a change is live in the switch, goal at most {GOAL_LIVE:g} s"
    return f"{goal}: {slowest:.2f} s at most, {_word(slowest <= GOAL_LIVE)}"


def _times(done: Starts, line: str, than: str) -> float:
    return done.median(line) / done.median(than)


def _beside_goal(results: Results, rate: int) -> str:
    ratio = _beside_ratio(results, rate, _p99)
    failed = sum(each.failed for each in results.of(BESIDE, rate))
    return (
        f"p99 set-up at {rate}/s beside a purge, goal at most {GOAL_BESIDE:g} x without, no call failed: "
        f"{ratio:.2f}, {failed} failed, {_word(ratio <= GOAL_BESIDE and not failed)}"
    )


def _beside_row(results: Results, rate: int, what: str, value: Callable[[Round], float]) -> list[str]:
    cells = (f"{results.median(way, rate, value):.1f}" for way in BESIDE_WAYS)
    return [what.format(rate=rate), *cells, f"{_beside_ratio(results, rate, value):.2f}"]


def _beside_ratio(results: Results, rate: int, value: Callable[[Round], float]) -> float:
    return results.median(BESIDE, rate, value) / results.median(ALONE, rate, value)


def _calls_and_failed(rounds: Sequence[Round]) -> str:
    return f"{sum(each.calls for each in rounds)}, {sum(each.failed for each in rounds)}"


def _seconds(done: Beside) -> list[float]:
    return [each.seconds for each in done.purges]


def _peak(done: Beside) -> float:
    return max(each.peak for each in done.purges)


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table whose columns stand under one another in a terminal, too."""
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(_line(cells, widths) for cells in (head, rule, *rows))


def _line(cells: list[str], widths: list[int]) -> str:
    figures = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
    return f"| {' | '.join([cells[0].ljust(widths[0]), *figures])} |"


def _setup_rows(results: Results, rate: int) -> list[list[str]]:
    return [
        [
            f"set-up at {rate}/s, {name}, ms",
            *(f"{results.median(way, rate, value):.1f}" for way in WAYS),
            f"{_ratio(results, rate, value):.2f}",
        ]
        for name, value in (("p50", _p50), ("p99", _p99))
    ]


def _cpu_row(results: Results, rate: int) -> list[str]:
    cells = (f"{results.median(way, rate, _control_cpu):.1f}" if way != DIAL else NONE for way in WAYS)
    return [f"control CPU a call at {rate}/s, ms", *cells, NONE]


def _asterisk_row(results: Results, rate: int) -> list[str]:
    cells = (f"{results.median(way, rate, _asterisk_cpu):.1f}" for way in WAYS)
    return [f"Asterisk CPU a call at {rate}/s, ms", *cells, f"{_ratio(results, rate, _asterisk_cpu):.2f}"]


def _memory(results: Results, way: str) -> str:
    if way not in results.memory:
        return NONE
    memory = results.memory[way]
    return f"{memory.before:.0f} → {memory.after:.0f} ({memory.calls} calls)"


def _ratio(results: Results, rate: int, value: Callable[[Round], float]) -> float:
    return results.median(PBX_CONTROL, rate, value) / results.median(DIAL, rate, value)


def _p50(each: Round) -> float:
    return each.p50


def _p99(each: Round) -> float:
    return each.p99


def _control_cpu(each: Round) -> float:
    return each.control_cpu or 0.0


def _asterisk_cpu(each: Round) -> float:
    return each.asterisk_cpu


def _word(reached: bool) -> str:
    return "reached" if reached else "NOT reached"


WALL_WAYS = (wallboards.CLOSED, wallboards.OPEN)
WALL_ROWS = (
    ("set-up at {rate}/s, p50, ms", _p50),
    ("set-up at {rate}/s, p99, ms", _p99),
    ("control CPU a call at {rate}/s, ms", _control_cpu),
)
BESIDE_WAYS = (NO_PLAN, ALONE, BESIDE)
BESIDE_ROWS = (
    ("set-up at {rate}/s, p50, ms", _p50),
    ("set-up at {rate}/s, p99, ms", _p99),
    ("control CPU a call at {rate}/s, ms", _control_cpu),
)
