"""How soon a call is painted on the page of the secretary whose telephone rings, and what open pages cost the calls."""

import asyncio
import statistics
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from sqlalchemy import select

from bench.lab import BENCH, DID, Lab
from bench.measure import Round, cpu_ms, measured
from bench.sipp import A_SECOND
from bench.ways import PBX_CONTROL, Way
from pbx_control.clock import now
from pbx_control.domain.users import UserRole
from pbx_control.services import duty, users
from pbx_control.services.work import changing
from pbx_control.store import secretaries
from pbx_control.store.engine import reading
from pbx_control.store.tables import call

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

BROWSERS = 2
ROOT = Path(__file__).parents[1]
CHROMIUM = "/usr/bin/chromium"
# Browsers are other computers' work: here they take only what the calls leave (nice(1)).
ELSEWHERE = 10
# How long all pages may take to be open and ready, seconds.
OPENING = 180.0
# Notes when a call has been painted: two frames after it stands in the page. Then it types and sends, as she would.
SCRIPT = """() => {
  window.painted = {};
  let done = "";
  const look = () => {
    const pop = document.querySelector("[data-pop]");
    const call = pop && pop.dataset.pop;
    if (!call) return;
    if (!(call in window.painted)) {
      window.painted[call] = 0;
      requestAnimationFrame(() => requestAnimationFrame(() => {
        window.painted[call] = (performance.timeOrigin + performance.now()) / 1000;
      }));
    }
    if (document.body.dataset.state === "talking" && done !== call) {
      done = call;
      const field = document.querySelector("[name=field-message]");
      field.value = "Llamar por la hora del jueves";
      field.dispatchEvent(new Event("input", { bubbles: true }));
      const key = { key: "Enter", code: "Enter", ctrlKey: true, bubbles: true };
      document.body.dispatchEvent(new KeyboardEvent("keydown", key));
    }
  };
  new MutationObserver(look).observe(document.documentElement,
    { childList: true, subtree: true, attributes: true, attributeFilter: ["data-state"] });
}"""


@dataclass(frozen=True, slots=True)
class Account:
    """A user who may sign in."""

    name: str
    password: str


@dataclass(frozen=True, slots=True)
class Shift:
    """How many desks have how many calls a second, in so many rounds of so many seconds."""

    desks: int
    rate: int
    rounds: int
    seconds: float
    talk: int = A_SECOND  # milliseconds


@dataclass(slots=True)
class Desks:
    """Rounds without and with all pages open, in turn; pops in milliseconds from the INVITE to her telephone."""

    shift: Shift
    alone: list[Round] = field(default_factory=list)
    beside: list[Round] = field(default_factory=list)
    told: list[float] = field(default_factory=list)  # until a page without a browser had its call
    painted: list[float] = field(default_factory=list)  # until a browser had painted it
    web_cpu: list[float] = field(default_factory=list)  # of the web process, milliseconds a call

    def slower(self, percent50: bool) -> float:
        """What open pages add to set-up, a share: the median over the pairs of rounds."""
        pairs = zip(self.alone, self.beside, strict=True)
        return statistics.median(_set_up(beside, percent50) / _set_up(alone, percent50) - 1 for alone, beside in pairs)

    @property
    def failed(self) -> int:
        """The calls that failed."""
        return sum(each.failed for each in (*self.alone, *self.beside))


def _set_up(one: Round, percent50: bool) -> float:
    return one.p50 if percent50 else one.p99


async def at_desks(lab: Lab, shift: Shift) -> Desks:
    """Calls while no page is open and calls while all are take turns."""
    way = Way(PBX_CONTROL, lambda calls: [DID] * calls, lab.daemon, by_the_daemon=True)
    accounts = await asyncio.to_thread(_accounts, lab)
    done = Desks(shift)
    for _ in range(shift.rounds):
        await lab.register()
        await _all_ready(lab)
        done.alone.append(await measured(lab, way, shift.rate, shift.seconds, talk=shift.talk))
        async with _pages(lab, accounts) as pops:
            before = cpu_ms(web := web_of(lab))
            done.beside.append(await measured(lab, way, shift.rate, shift.seconds, talk=shift.talk))
            done.web_cpu.append((cpu_ms(web) - before) / done.beside[-1].calls)
            rung = lab.phones.rung_at()
        callers = await asyncio.to_thread(_callers, lab)
        for kept, popped in ((done.told, pops.told), (done.painted, pops.painted)):
            kept += [(at - rung[callers[each]]) * 1000 for each, at in popped.items() if callers[each] in rung]
    return done


def _accounts(lab: Lab) -> list[Account]:
    """A user for each secretary."""
    made = []
    for user in lab.users:
        password = users.new_password()
        with changing(lab.engine, BENCH, now()) as work:
            hers = secretaries.of_telephone(work.conn, user)
            assert hers
            users.add(work, user, UserRole.SECRETARY, password, secretary_id=hers.secretary_id)
        made.append(Account(user, password.text))
    return made


def _resume_all(lab: Lab) -> None:
    """Who has signed out is paused."""
    with changing(lab.engine, BENCH, now()) as work:
        for user in lab.users:
            hers = secretaries.of_telephone(work.conn, user)
            assert hers
            duty.resume_by_admin(work, hers.secretary_id)


async def _all_ready(lab: Lab) -> None:
    """Until the daemon knows that all may be called."""
    await asyncio.to_thread(_resume_all, lab)
    async with asyncio.timeout(OPENING):
        while any(each["state"] != "ready" for each in await lab.office.ask("secretary", "list")):  # noqa: ASYNC110
            await asyncio.sleep(0.2)


def _callers(lab: Lab) -> dict[str, str]:
    with reading(lab.engine) as conn:
        return {row.id: row.caller for row in conn.execute(select(call.c.id, call.c.caller))}


def web_of(lab: Lab) -> psutil.Process:
    """The process that serves the pages, a child of the daemon's."""
    return next(each for each in lab.daemon.children(recursive=True) if "web" in each.cmdline())


@dataclass(slots=True)
class _Pops:
    """When the call stood on a page, by call, in epoch seconds; filled when the pages are closed."""

    told: dict[str, float] = field(default_factory=dict)
    painted: dict[str, float] = field(default_factory=dict)


@asynccontextmanager
async def _pages(lab: Lab, accounts: Sequence[Account]) -> AsyncIterator[_Pops]:
    """All secretaries at their desks, BROWSERS of them in real ones."""
    url, pops = f"http://127.0.0.1:{lab.office.ports.web}", _Pops()
    async with _in_browsers(url, accounts[:BROWSERS], pops.painted), _by_streams(url, accounts[BROWSERS:], pops.told):
        await _all_ready(lab)
        yield pops


@asynccontextmanager
async def _by_streams(url: str, accounts: Sequence[Account], told: dict[str, float]) -> AsyncIterator[None]:
    words = ("nice", f"-n{ELSEWHERE}", sys.executable, "-m", "bench.deskpages", url)
    process = await create_subprocess_exec(*words, cwd=ROOT, stdin=PIPE, stdout=PIPE, limit=16 * 1024 * 1024)
    assert process.stdin
    assert process.stdout
    try:
        process.stdin.write("".join(f"{each.name} {each.password}\n" for each in accounts).encode() + b"\n")
        async with asyncio.timeout(OPENING):
            if await process.stdout.readline() != b"ready\n":
                raise RuntimeError("the pages could not be opened")
        yield
        process.stdin.write(b"\n")
        process.stdin.close()
        for line in (await process.stdout.read()).decode().splitlines():
            at, called = line.split()
            told[called] = float(at)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def _in_browsers(url: str, accounts: Sequence[Account], painted: dict[str, float]) -> AsyncIterator[None]:
    from playwright.async_api import async_playwright

    flags = ["--headless=new", "--no-sandbox", "--disable-gpu"]
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=CHROMIUM, args=flags)
        for process in psutil.Process().children(recursive=True):
            if "chromium" in process.name():
                process.nice(ELSEWHERE)
        pages = [await _opened(browser, url, each) for each in accounts]
        yield
        for page in pages:
            painted |= await page.evaluate("window.painted")
            await page.request.post(f"{url}/logout", form={"csrf": await page.evaluate("document.body.dataset.csrf")})
        await browser.close()


async def _opened(browser: "Browser", url: str, account: Account) -> "Page":
    """Each in a context of its own, as on a computer of its own."""
    page = await (await browser.new_context(locale="es-CL")).new_page()
    await page.goto(f"{url}/login")
    await page.fill("[name=name]", account.name)
    await page.fill("[name=password]", account.password)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/desk**")
    await page.wait_for_selector("body[data-state=ready]")
    await page.evaluate(SCRIPT)
    return page
