// The secretary's page: shows what the server pushes, keeps what she types, and turns keys into what her telephone's keys do.
// The server decides everything; nothing here is needed to keep a call or a word.

const body = document.body;
const words = document.getElementById("words").dataset;
const region = (name) => document.querySelector(`[data-region="${name}"]`);
const csrf = body.dataset.csrf;
const SAVE_AFTER = 400; // ms after the last key
const EDITS_SINCE = Date.UTC(2026, 0, 1); // edits are numbered by seconds since then: of two tabs the later one counts
const AWAY_AFTER = 1500; // ms without a stream before the banner: a restart is over by then
const HEARS_EVERY = 2500; // ms: how often the server is told that this page hears it
const SAVED_WITHIN = 500; // ms: for no longer does a call that is passed on wait until the message is saved
const NOTICE_FOR = 8000; // ms

// --- to the server -----------------------------------------------------------------------------------------------

export async function post(path, content, more = {}) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
    body: JSON.stringify(content),
    ...more,
  });
  if (answer.status === 401) signedOut();
  const told = await answer.json().catch(() => ({}));
  return { ok: answer.ok, status: answer.status, ...told };
}

const onCall = (call, what) => `/desk/calls/${encodeURIComponent(call)}/${what}`;

function signedOut() {
  location.assign("/login?next=/desk");
}

// --- one stream a browser: the tab that has the lock listens and tells the others --------------------------------------

const others = new BroadcastChannel("pbx-desk");
let looksAt = new URL(location).searchParams.get("call") || "";
let source = null;
let awayTimer = null;
let lastHeard = 0;

function listen() {
  const url = looksAt ? `/desk/events?call=${encodeURIComponent(looksAt)}` : "/desk/events";
  source?.close();
  source = new EventSource(url);
  const hear = (kind) => (event) => {
    hears(event.lastEventId);
    const told = { kind, data: JSON.parse(event.data || "{}") };
    take(told);
    others.postMessage(told);
  };
  source.addEventListener("view", hear("view"));
  source.addEventListener("alive", hear("alive"));
  source.addEventListener("agenda", hear("agenda"));
  source.addEventListener("house", hear("house"));
  source.addEventListener("signed-out", hear("signed-out"));
  source.onopen = () => take({ kind: "alive", data: {} });
  source.onerror = () => {
    others.postMessage({ kind: "lost", data: {} });
    lost();
    // A browser gives up on an answer that is no stream (a proxy's error page, say).
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 1000);
  };
}

// What sleeps has a stream that looks open to the server: only a page that answers is there. It answers to what comes, as a
// hidden tab's timers run once a minute.
let heardAt = 0;

function hears(stream) {
  if (Date.now() - heardAt < HEARS_EVERY) return;
  heardAt = Date.now();
  post("/desk/here", { stream }).catch(() => {});
}

if (navigator.locks) {
  navigator.locks.request("pbx-desk-stream", { mode: "exclusive" }, () => {
    begin();
    return new Promise(() => {}); // until this tab is closed
  });
  others.onmessage = ({ data: told }) => {
    if (told.kind === "ask") source && listen();
    else if (told.kind === "look") source && turnTo(told.data);
    else take(told);
  };
  others.postMessage({ kind: "ask" });
} else {
  queueMicrotask(begin);
}

function begin() {
  listen();
  tryAudio();
}

function take({ kind, data }) {
  if (kind === "lost") return lost();
  lastHeard = Date.now();
  found();
  if (kind === "signed-out") signedOut();
  if (kind === "view") show(data);
  if (kind === "house") showHouse(data.html);
  if (kind === "agenda") document.dispatchEvent(new Event("pbx-agenda"));
}

function lost() {
  awayTimer ??= setTimeout(isAway, AWAY_AFTER);
}

function found() {
  if (body.dataset.away !== "1") isBack();
  saveAll();
}

function isBack() {
  clearTimeout(awayTimer);
  awayTimer = null;
  delete body.dataset.old;
  banner({ away: false });
}

function isAway() {
  body.dataset.old = "1";
  banner({ away: true });
}

// A laptop that slept has a stream that looks open and is dead.
setInterval(() => listenAnew(10000), 2500);
for (const wakes of ["visibilitychange", "resume"]) document.addEventListener(wakes, () => document.hidden || listenAnew(4000));
addEventListener("online", () => {
  listenAnew(0);
  saveAll();
});

function listenAnew(silent) {
  if (source && lastHeard && Date.now() - lastHeard > silent) listen();
}

// One line, the gravest: no connection; no sound; what she was told last.
const bannerHas = { away: false, mute: false, notice: "" };

function banner(now) {
  Object.assign(bannerHas, now);
  const { away, mute, notice } = bannerHas;
  const title = away ? words.awayTitle : mute ? words.silent : notice;
  const place = document.getElementById("banner");
  place.hidden = !title;
  place.querySelector("[data-banner-title]").textContent = title;
  place.querySelector("[data-banner-text]").textContent = away ? words.awayText : "";
}

let noticeTimer = null;

function notice(text) {
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => banner({ notice: "" }), NOTICE_FOR);
  banner({ notice: text });
}

// --- what is shown -----------------------------------------------------------------------------------------------

function show({ state, call, away, regions, fields }) {
  const before = { state: body.dataset.state, call: popCall() };
  for (const [name, html] of Object.entries(regions)) {
    if (name !== "pop" || !call || call !== before.call) replace(region(name), html); // she types in the pop of this call
  }
  body.dataset.state = state;
  body.dataset.away = away ? "1" : "";
  if (away) lost(); // a daemon that starts anew is there within a second or two
  else isBack();
  if (call === before.call) for (const [key, [value, edit]] of Object.entries(fields)) takeIn(key, value, edit);
  if (call !== before.call) popped(call);
  if (state === "offered" && (before.state !== "offered" || call !== before.call)) ring();
  if (state !== "offered") stopRinging();
  readOut(document.querySelector("[data-missed]")?.textContent || "");
  dress();
  document.dispatchEvent(new Event("pbx-desk"));
}

// The house in one line: what nobody could tell for a while is not shown as if it were so.
function showHouse(html) {
  document.getElementById("house").innerHTML = html;
  tick();
}

// A screen reader tells what changes in a place that stays, not what is put into the page with its place.
function readOut(text) {
  const place = document.getElementById("read-out");
  if (place.textContent !== text) place.textContent = text;
}

// Focus, open menus and what a reader listens to stay where they are.
function replace(place, html) {
  const focused = place.contains(document.activeElement) ? document.activeElement : null;
  const same = focused && identity(focused);
  const open = [...place.querySelectorAll("details[open][data-menu]")].map((one) => one.dataset.menu);
  place.innerHTML = html;
  for (const menu of open) place.querySelector(`details[data-menu="${menu}"]`)?.setAttribute("open", "");
  if (same) place.querySelector(same)?.focus({ preventScroll: true });
  answered();
}

function identity(element) {
  for (const key of ["act", "duty", "send", "look", "info", "help"]) {
    if (!(key in element.dataset)) continue;
    const more = key === "act" && element.dataset.contact ? `[data-contact="${element.dataset.contact}"]` : "";
    const value = element.dataset[key];
    return `[data-${key}${value ? `="${CSS.escape(value)}"` : ""}]${more}`;
  }
  return element.id ? `#${CSS.escape(element.id)}` : null;
}

export const popCall = () => document.querySelector("[data-pop]")?.dataset.pop || "";

function popped(call) {
  forget();
  bringBack(call);
  if (call) scrollTo(0, 0); // with her state above: on a telephone nothing else in sight says that it rings
}

function dress() {
  for (const one of document.querySelectorAll("[data-accent]")) {
    if (one.dataset.accent) one.style.setProperty("--client", one.dataset.accent);
  }
  tick();
}

function tick() {
  const now = Date.now();
  for (const one of document.querySelectorAll("time[data-clock]")) {
    const then = Date.parse(one.dateTime);
    const seconds = Math.max(0, Math.round((one.dataset.clock === "up" ? now - then : then - now) / 1000));
    const text = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    if (one.textContent !== text) one.textContent = text;
  }
  for (const call of document.querySelectorAll("[data-act], [data-send]")) call.type = "button";
}
setInterval(tick, 500);

// --- the ring: in the tab that has the stream, also when it is hidden ------------------------------------------------------

const RINGS_FOR = 60; // s: longer than a telephone is let ring
const CHIME_EVERY = 2.5; // s
let audio = null;
let ringing = null;
const title = document.title;

function wakeAudio() {
  if (!audio) {
    audio = new AudioContext();
    audio.onstatechange = () => banner({ mute: audio.state === "suspended" });
  }
  if (audio.state === "suspended") audio.resume().catch(() => {});
}
for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, wakeAudio, { capture: true });

// A browser lets a page sound once somebody has touched it; one that was opened by itself says so before the first call.
function tryAudio() {
  wakeAudio();
  setTimeout(() => banner({ mute: audio.state === "suspended" }), 500);
}

function ring() {
  document.title = `☎ ${document.querySelector("[data-pop] h1")?.textContent || title}`;
  if (!source || ringing) return; // one tab rings
  wakeAudio();
  audio.setSinkId?.(localStorage.getItem("pbx-telephone-ring") || "").catch(() => {}); // chosen beside the telephone in the page
  ringing = audio.createGain();
  ringing.connect(audio.destination);
  // By the sound's own clock: a hidden tab's timers run once a minute.
  for (let after = 0; after < RINGS_FOR; after += CHIME_EVERY) chime(ringing, audio.currentTime + after);
}

function chime(into, at) {
  for (const [after, hertz] of [[0, 660], [0.18, 880]]) {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.frequency.value = hertz;
    volume.gain.setValueAtTime(0.0001, at + after);
    volume.gain.exponentialRampToValueAtTime(0.12, at + after + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, at + after + 0.16);
    tone.connect(volume).connect(into);
    tone.start(at + after);
    tone.stop(at + after + 0.2);
  }
}

function stopRinging() {
  ringing?.disconnect();
  ringing = null;
  document.title = title;
}

// --- what she types: kept here until the server has it ------------------------------------------------------------------

const unsaved = new Map(); // key -> {value, edit, seen}
const unheard = new Map(); // the same, until the stream tells it: the server takes nothing that is older than what it has
const seen = new Map(); // key -> the edit of what this page has from the server
let saving = null;
let saveTimer = null;
let failed = 0;

const form = () => document.querySelector("form[data-message]");
const store = (call) => `pbx-draft-${body.dataset.me}-${call}`;
const keyOf = (field) => field.name.replace(/^field-/, "");

function typed(field) {
  if (!form()?.contains(field) || !field.name.startsWith("field-")) return;
  const key = keyOf(field);
  const before = Number(field.dataset.edit || 0);
  if (!seen.has(key)) seen.set(key, before);
  const edit = Math.max(Math.floor((Date.now() - EDITS_SINCE) / 1000), before + 1);
  field.dataset.edit = edit;
  const one = { value: field.value, edit, seen: seen.get(key) };
  for (const kept of [unsaved, unheard]) kept.set(key, one);
  keep();
  said("…");
  answered("");
  conditions();
}

function keep() {
  try {
    if (unsaved.size) localStorage.setItem(store(popCall()), JSON.stringify([...unsaved]));
    else localStorage.removeItem(store(popCall()));
  } catch {
    /* private windows may have no room: the server has it within a second */
  }
}

function forget() {
  for (const one of [unsaved, unheard, seen]) one.clear();
  clearTimeout(saveTimer);
}

const fieldsOf = (key) => {
  const found = form()?.elements[`field-${key}`];
  return found instanceof RadioNodeList ? [...found] : found ? [found] : [];
};

function fill(fields, value, edit) {
  for (const field of fields) {
    if (field.type === "radio") field.checked = field.value === value;
    else if (field.value !== value) field.value = value;
    field.dataset.edit = edit;
  }
  conditions();
}

// What was typed in another tab, or at another computer; never over something newer that stands here.
function takeIn(key, value, edit) {
  const fields = fieldsOf(key);
  const mine = unheard.get(key);
  // Another text with the number of mine: once mine is saved, the server says which of them stays.
  if (mine && (mine.edit < edit || mine.value === value)) unheard.delete(key);
  if (!fields.length || Number(fields[0].dataset.edit || 0) >= edit) return;
  seen.set(key, edit);
  fill(fields, value, edit);
  if (!mine) return;
  unsaved.delete(key);
  keep();
  if (!unsaved.size) said(words.kept);
  keepBoth(fields[0], mine.value);
}

// Two have written at once, one of them without a connection: a long text keeps what both wrote, a line the later one.
function keepBoth(field, mine) {
  if (field.tagName !== "TEXTAREA" || field.value.includes(mine)) return;
  field.value += `\n${mine}`;
  typed(field);
  saveAll();
}

// What stood there from another computer of hers, and was not on this page yet when she typed.
function overwritten(field, text) {
  if (field?.tagName === "TEXTAREA") keepBoth(field, text);
  else if (field) notice(`${words.overwritten} ${text}`);
}

// What a page that crashed, or was offline, could not save any more.
function bringBack(call) {
  let left = [];
  try {
    left = JSON.parse(localStorage.getItem(store(call)) || "[]");
  } catch {
    return;
  }
  for (const [key, one] of left) {
    const fields = fieldsOf(key);
    const there = Number(fields[0]?.dataset.edit || 0);
    if (fields.length && there >= one.edit) keepBoth(fields[0], one.value);
    if (!fields.length || there >= one.edit) continue;
    fill(fields, one.value, one.edit);
    unsaved.set(key, one);
    seen.set(key, one.seen);
  }
  if (left.length) keep(); // what the server has is not brought back a second time
  if (unsaved.size) saveAll();
}

function said(text, problem = false) {
  const place = document.querySelector("[data-saved]");
  if (!place) return;
  place.textContent = text;
  place.classList.toggle("warn", problem);
}

async function saveAll(more = {}) {
  clearTimeout(saveTimer);
  if (saving) await saving;
  const call = popCall();
  if (!call || !unsaved.size) return true;
  const batch = new Map(unsaved);
  saving = post(onCall(call, "fields"), { fields: Object.fromEntries(batch) }, more).catch(() => ({ ok: false, status: 0 }));
  const answer = await saving;
  saving = null;
  if (call !== popCall()) return true; // what was typed for the other call is in localStorage, and comes back with it
  if (answer.ok) {
    for (const [key, one] of batch) isSaved(key, one, answer);
    keep();
    marks(answer.problems || {});
    for (const [key, text] of Object.entries(answer.lost || {})) overwritten(fieldsOf(key)[0], text);
    if (!unsaved.size) said(words.kept);
    failed = 0;
    return true;
  }
  if (answer.status === 409 || answer.status === 404) {
    said(words.elsewhere, true);
    return false;
  }
  said(words.notKept, true);
  saveTimer = setTimeout(saveAll, Math.min(5000, 500 * 2 ** failed++));
  return false;
}

// The server has kept it, or says which newer text stays, and with what number.
function isSaved(key, one, { edits = {}, instead = {} }) {
  const edit = edits[key] ?? one.edit;
  if (key in instead) return takeIn(key, instead[key], edit);
  seen.set(key, Math.max(edit, seen.get(key) || 0));
  const later = unsaved.get(key);
  if (!later) return;
  if (later.edit === one.edit) unsaved.delete(key);
  else Object.assign(later, { edit: Math.max(later.edit, edit + 1), seen: edit });
  for (const field of fieldsOf(key)) field.dataset.edit = Math.max(later.edit, edit);
}

function marks(problems, all = false) {
  for (const place of document.querySelectorAll("[data-field]")) {
    const why = problems[place.dataset.field];
    const hint = place.querySelector(".hint");
    const touched = all || Number(place.querySelector("[data-edit]")?.dataset.edit) > 0;
    place.classList.toggle("problem", Boolean(why) && touched);
    hint.textContent = (touched && why) || hint.dataset.hint;
    for (const field of place.querySelectorAll("[name]")) field.setAttribute("aria-invalid", String(Boolean(why) && touched));
  }
}

function conditions() {
  if (!form()) return;
  for (const place of document.querySelectorAll("[data-field][data-when]")) {
    const on = form().elements[`field-${place.dataset.when}`];
    place.hidden = !place.dataset.values.split("\n").includes(on?.value || "");
  }
}

document.addEventListener("input", (event) => {
  if (event.target.id === "info-address") return spell(event.target.value);
  typed(event.target);
  delete body.dataset.gaps; // what is missing is told anew
  clearTimeout(saveTimer);
  if (unsaved.size) saveTimer = setTimeout(saveAll, SAVE_AFTER);
});
document.addEventListener("change", (event) => unsaved.size && event.target.closest("form[data-message]") && saveAll());
document.addEventListener("focusout", (event) => event.target.closest?.("form[data-message]") && unsaved.size && saveAll());
addEventListener("pagehide", () => unsaved.size && saveAll({ keepalive: true }));
document.addEventListener("submit", (event) => event.target.matches("form[data-message]") && event.preventDefault());

// --- what she does -----------------------------------------------------------------------------------------------

let sending = false;
const NONE = { call: "", text: "" };
let refusal = NONE; // why this call's message was not sent, until she types on

function answered(told, call = popCall()) {
  if (told !== undefined) refusal = { call, text: told };
  const place = document.querySelector("[data-send-answer]");
  const text = refusal.call === popCall() ? refusal.text : "";
  if (place && place.textContent !== text) place.textContent = text;
}

async function send() {
  const call = popCall();
  if (!call || sending) return;
  sending = true;
  try {
    if (![...form().elements].some((field) => Number(field.dataset.edit))) return answered(words.empty, call);
    for (const field of form().elements) {
      // What stands there because it was known already is hers once she sends it with words of her own.
      if (field.name?.startsWith("field-") && field.value && field.type !== "radio" && !Number(field.dataset.edit)) typed(field);
    }
    if (!(await saveAll())) return;
    const gaps = body.dataset.gaps === call;
    const told = await post(onCall(call, "send"), { gaps });
    if (told.problems) marks(told.problems, true);
    if (told.gaps) body.dataset.gaps = call;
    answered(told.words || "", call);
    if (told.ok) refusal = NONE; // what became of it the panel tells by itself
    document.querySelector("[data-field].problem [name]")?.focus();
  } catch {
    answered(words.notKept, call);
  } finally {
    sending = false;
  }
}

async function act(button) {
  if (button.getAttribute("aria-disabled") === "true" || button.dataset.busy) return;
  const call = popCall();
  button.dataset.busy = "1";
  const what = button.dataset.do || button.dataset.act;
  if (what === "urgent") return markUrgent(button, call);
  // The message goes at the hand-over, or to the colleague: what was typed just now goes with it.
  if (["hand-over", "language"].includes(what)) await Promise.race([saveAll(), new Promise((go) => setTimeout(go, SAVED_WITHIN))]);
  const answer = await post(onCall(call, "act"), { act: what, contact: Number(button.dataset.contact || 0) }).catch(() => ({}));
  delete button.dataset.busy;
  const place = document.querySelector("[data-answer]");
  if (place) place.textContent = answer.words || (answer.ok ? "" : words.awayTitle);
}

async function markUrgent(button, call) {
  const answer = await post(onCall(call, "urgent"), { urgent: button.getAttribute("aria-pressed") !== "true" }).catch(() => ({}));
  delete button.dataset.busy;
  if (!answer.ok) answered(answer.words || words.notKept, call);
}

async function duty(button) {
  const answer = await post("/desk/duty", { act: button.dataset.duty, reason: button.dataset.reason || "" }).catch(() => ({}));
  button.closest("details")?.removeAttribute("open");
  if (answer.words) notice(answer.words);
}

async function taskDone(button) {
  button.disabled = true; // it goes with the next thing that the stream tells
  const answer = await post(`/desk/tasks/${button.dataset.done}/done`, {}).catch(() => ({}));
  if (!answer.ok) {
    button.disabled = false;
    notice(answer.words || words.awayTitle);
  }
}

let spellTimer = null;

function spell(address) {
  clearTimeout(spellTimer);
  spellTimer = setTimeout(async () => {
    const answer = await post("/desk/spell", { address }).catch(() => ({}));
    const place = document.querySelector("[data-spelled]");
    if (place) place.textContent = answer.spelled || "";
  }, 250);
}

async function sendInfo(button) {
  const address = document.getElementById("info-address");
  const answer = await post(onCall(popCall(), "info"), { info: Number(button.dataset.info), address: address.value }).catch(() => ({}));
  document.querySelector("[data-info-status]").textContent = answer.words || words.awayTitle;
  if (!answer.ok) address.focus();
}

// All tabs show the same call.
function look(link) {
  history.replaceState(null, "", link.href);
  if (source) turnTo(link.dataset.look);
  else others.postMessage({ kind: "look", data: link.dataset.look });
}

function turnTo(call) {
  looksAt = call;
  listen();
}

document.addEventListener("click", (event) => {
  const on = (selector) => event.target.closest(selector);
  if (on("[data-act]")) act(on("[data-act]"));
  else if (on("[data-send]")) send();
  else if (on("[data-duty]")) duty(on("[data-duty]"));
  else if (on("[data-done]")) taskDone(on("[data-done]"));
  else if (on("[data-info]")) sendInfo(on("[data-info]"));
  else if (on("[data-help]")) document.getElementById("keys").showModal();
  else if (on("[data-look]")) {
    event.preventDefault();
    look(on("[data-look]"));
  }
  for (const menu of document.querySelectorAll("details[data-menu][open]")) if (!menu.contains(event.target)) menu.open = false;
});

// --- keys --------------------------------------------------------------------------------------------------------

const press = (selector) => document.querySelector(selector)?.click();
const focus = (selector) => document.querySelector(selector)?.focus();
const withAlt = {
  KeyH: () => press('[data-act="hand-over"]'),
  KeyB: () => press('[data-act="take-back"]'),
  KeyR: () => press('[data-act="pause-recording"]'),
  KeyI: () => press('[data-act="language"]'),
  KeyW: () => press('[data-act="wrong-number"]'),
  KeyS: () => press('[data-act="spam"]'),
  KeyU: () => press('[data-act="urgent"]'),
  KeyM: () => focus("form[data-message] [name]"),
  KeyE: () => focus("#info-address"),
  KeyA: () => document.dispatchEvent(new Event("pbx-agenda-key")),
  KeyN: () => press('[data-duty="free"]'),
  KeyO: () => focus("[data-look]"),
  KeyP: () => (document.querySelector('[data-duty="ready"]') ? press('[data-duty="ready"]') : openPause()),
};

function openPause() {
  const menu = document.querySelector('[data-menu="pause"]');
  if (!menu) return;
  menu.open = true;
  menu.querySelector("[data-duty]").focus();
}

addEventListener("keydown", (event) => {
  const inField = event.target.matches?.("input, textarea, select");
  const ctrl = event.ctrlKey || event.metaKey;
  if (ctrl && !event.altKey && event.key === "Enter") return done(event, send);
  if (ctrl && !event.altKey && event.key.toLowerCase() === "s") return done(event, saveAll); // the browser's own saves the page
  if (event.altKey && !ctrl && /^(Digit|Numpad)[1-9]$/.test(event.code)) {
    return done(event, () => {
      const key = event.code.at(-1);
      const button = [...document.querySelectorAll('[data-act="consult"]')].find((one) => one.querySelector("kbd")?.textContent === `Alt ${key}`);
      button?.click();
    });
  }
  if (event.altKey && !ctrl && withAlt[event.code]) return done(event, withAlt[event.code]);
  if (event.key === "F1" || (event.key === "?" && !inField)) return done(event, () => document.getElementById("keys").showModal());
  if (event.key === "Escape") for (const menu of document.querySelectorAll("details[data-menu][open]")) menu.open = false;
  // Backspace outside of a field leaves the page in some browsers; Enter in a line of the form sends nothing.
  if (event.key === "Backspace" && !inField) event.preventDefault();
});

function done(event, what) {
  event.preventDefault();
  what();
}

bringBack(popCall());
dress();
