"""A secretary whose telephone is her page: a browser of her own with a tone for a microphone, and what it hears."""

import base64
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from at_desk import seconds
from conftest import Firm, Town
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from pbx_control.world import audio

CHROMIUM = "/usr/bin/chromium"
HERTZ = 48000
# A tone is what a browser takes out of a voice; the page's own wish is kept but for that. Each connection is noted, and
# what comes by it written down while `listening`.
INIT = """
const get = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
let there = true;
let tracks = [];
navigator.mediaDevices.getUserMedia = async (wish) => {
  if (!there) throw new DOMException("none", "NotFoundError");
  const audio = { ...wish.audio, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const stream = await get({ audio });
  tracks.push(...stream.getTracks());
  return stream;
};
// The headset is pulled out, and plugged in again.
window.takeMicrophone = () => {
  there = false;
  for (const track of tracks) {
    track.stop();
    track.dispatchEvent(new Event("ended"));
  }
  tracks = [];
};
window.giveMicrophone = () => (there = true);
const Real = window.RTCPeerConnection;
window.heard = [];
window.connections = [];
window.RTCPeerConnection = class extends Real {
  constructor(options, ...rest) {
    super({ ...options, ...(window.relayOnly ? { iceTransportPolicy: "relay" } : {}) }, ...rest);
    window.connections.push(this);
    this.addEventListener("track", ({ track }) => {
      const context = new AudioContext({ sampleRate: 48000 });
      const source = context.createMediaStreamSource(new MediaStream([track]));
      const writer = context.createScriptProcessor(4096, 1, 1);
      window.kept = [context, source, writer];
      writer.onaudioprocess = ({ inputBuffer }) => {
        if (window.kept[0] !== context) return; // of an earlier connection
        const samples = inputBuffer.getChannelData(0);
        window.heard.push(Int16Array.from(samples, (one) => Math.max(-1, Math.min(1, one)) * 32767));
      };
      source.connect(writer).connect(context.destination);
    });
  }
};
"""
SENT = """async () => {
  const [connection] = window.connections.slice(-1);
  return [...(await connection.getStats()).values()].find((one) => one.type === "outbound-rtp").packetsSent;
}"""
TAKE = """() => {
  const all = new Int16Array(window.heard.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of window.heard) { all.set(one, at); at += one.length; }
  window.heard = [];
  const bytes = new Uint8Array(all.buffer);
  let text = "";
  for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return btoa(text);
}"""


# A telephone of a script's own, in her page and with what her page was lent.
DIAL = """async ([number, times]) => {
  const beside = document.querySelector("script[src*=telephone]").src;
  const { default: JsSIP } = await import(new URL("vendor/jssip.min.js", beside));
  const csrf = document.body.dataset.csrf;
  const headers = { "Content-Type": "application/json", "X-CSRF-Token": csrf };
  const lent = await (await fetch("/desk/telephone", { method: "POST", headers, body: "{}" })).json();
  const socket = new JsSIP.WebSocketInterface(`ws://${location.host}/ws?line=${lent.line}`);
  const ua = new JsSIP.UA({ sockets: [socket], uri: `sip:${lent.user}@pbx.invalid`, password: lent.password });
  const registered = new Promise((tell) => ua.on("registered", tell));
  ua.start();
  await registered;
  const told = [];
  while (told.length < times) {
    const call = ua.call(`sip:${number}@pbx.invalid`, { mediaConstraints: { audio: true, video: false } });
    told.push(await new Promise((tell) => {
      call.on("failed", ({ cause }) => tell(cause));
      call.on("confirmed", () => tell("answered"));
    }));
  }
  ua.stop();
  return told;
}"""


@dataclass
class PageTelephone:
    """Her page, with its telephone."""

    town: Town
    firm: Firm
    name: str
    user: str
    password: str
    sip_user: str
    sip_password: str
    browser: Browser
    context: BrowserContext
    folder: Path
    address: str  # of the pages
    page: Page = field(init=False)
    faults: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    state: Any = None  # of her browser, once she has signed in and turned it on

    async def opens(self) -> Page:
        """A tab of hers."""
        self.page = await self.context.new_page()
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda line: self.said.append(line.text))
        return self.page

    async def signs_in(self) -> None:
        await self.page.goto(f"{self.address}/login")
        await self.page.fill("[name=name]", self.user)
        await self.page.fill("[name=password]", self.password)
        await self.page.keyboard.press("Enter")
        await self.page.wait_for_url("**/desk**")

    async def turns_on(self) -> None:
        await self.page.click("[data-telephone-do=on]")
        await self.is_("ready")

    async def is_(self, state: str, limit: float = 20) -> None:
        """Waits until her telephone says so."""
        place = self.page.locator("#telephone")
        await expect(place).to_have_attribute("data-telephone", state, timeout=seconds(limit))

    async def desk_is(self, state: str, limit: float = 20) -> None:
        await expect(self.page.locator("body")).to_have_attribute("data-state", state, timeout=seconds(limit))

    async def presses(self, keys: str) -> None:
        """Keys of the telephone, on the page's own pad."""
        for key in keys:
            await self.page.click(f'[data-key="{key}"]')

    async def renderer(self) -> int:
        """The process of her page."""
        session = await self.browser.new_browser_cdp_session()
        told = await session.send("SystemInfo.getProcessInfo")
        busy = [one for one in told["processInfo"] if one["type"] == "renderer"]
        return int(max(busy, key=lambda one: one["cpuTime"])["id"])

    async def opens_beside(self) -> None:
        """Another computer of hers: the first one's page hangs."""
        self.context = await self.browser.new_context(
            locale="es-CL", storage_state=self.state, viewport={"width": 1280, "height": 900}
        )
        self.context.set_default_timeout(seconds(15))
        await self.context.add_init_script(INIT)
        await self.opens()
        await self.page.goto(f"{self.address}/desk")

    async def calls(self, number: str) -> str:
        """What the switch says when a script of hers dials that number by her page's own connection."""
        return (await self.calls_at_once(number, 1))[0]

    async def calls_at_once(self, number: str, times: int) -> list[str]:
        """The same of so many calls, none of which she ends before the last one is answered."""
        told: list[str] = await self.page.evaluate(DIAL, [number, times])
        return told

    async def answers(self) -> None:
        """As soon as it rings, by her keyboard."""
        await self.is_("ringing")
        await self.page.keyboard.press("Alt+KeyT")
        await self.is_("talking")

    async def sent(self) -> int:
        """How many packets of sound her page has sent in this call."""
        return int(await self.page.evaluate(SENT))

    async def heard(self) -> Path:
        """What her page has heard since the last time, as a file."""
        raw = base64.b64decode(await self.page.evaluate(TAKE))
        path = self.folder / f"{self.sip_user}-heard.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(HERTZ)
            file.writeframes(raw)
        return path

    async def hears(self, hertz: float, long: float = 1.0) -> None:
        """Waits until she has heard that tone for so long, seconds."""
        await self.page.evaluate("window.heard = []")
        await self.page.wait_for_timeout(long * 1000 + 600)
        found = audio.spans(await self.heard(), hertz)
        assert any(span.seconds >= long * 0.8 for span in found), f"{self.name} does not hear {hertz} Hz: {found}"


@asynccontextmanager
async def page_telephone(
    town: Town, folder: Path, firm: Firm, who: str = "Ana", tone: float = 880, init: str = "", *flags: str, at: str = ""
) -> AsyncIterator[PageTelephone]:
    """A secretary of a firm with a telephone in her page, signed in, and it is ready. `tone` is her voice, `at` the
    address by which she opens the pages, if it is not their own."""
    await town.office.served()
    her = f"{who} {firm.slug}"
    account = await town.office.ask("secretary", "add", her, "--clients", firm.slug)
    await town.office.pbx("secretary", "set", her, "--browser-telephone")
    name = f"{who.lower()}.{firm.slug}"
    user = await town.office.ask("user", "add", name, "--role", "secretary", "--secretary", her)
    await town.live()
    voice = _voice(folder / f"{who}.wav", tone)
    arguments = [
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"),
        *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
        f"--use-file-for-fake-audio-capture={voice}",
        *flags,
    ]
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=CHROMIUM, args=arguments)
        context = await browser.new_context(locale="es-CL", viewport={"width": 1280, "height": 900})
        context.set_default_timeout(seconds(15))
        await context.add_init_script(init + INIT)
        sip = account["user"], account["password"]
        address = at or town.office.url
        one = PageTelephone(town, firm, her, name, user["password"], *sip, browser, context, folder, address)
        try:
            await one.opens()
            await one.signs_in()
            await one.turns_on()
            await one.desk_is("ready")
            one.state = await context.storage_state()
            yield one
            assert not one.faults
        finally:
            await browser.close()


def _voice(path: Path, hertz: float) -> Path:
    """A tone that Chromium takes for a microphone."""
    samples = (np.sin(2 * np.pi * hertz * np.arange(HERTZ * 2) / HERTZ) * 8000).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(HERTZ)
        file.writeframes(samples.tobytes())
    return path
