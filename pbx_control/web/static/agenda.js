// The agenda on the secretary's page: what is free in the calendars of her call's client, and what she books there.
// The server decides; what she has typed lies in the browser's storage until it is booked or given up.

import { popCall, post } from "./desk.js";
import { Week } from "./week.js";

const body = document.body;
const words = document.getElementById("agenda-words").dataset;
const section = document.getElementById("agenda");
const dialog = document.getElementById("agenda-week");
const part = (name) => (section.querySelector(`[data-agenda="${name}"]`) || dialog.querySelector(`[data-agenda="${name}"]`));
const form = part("form");
const SHOWN_A_DAY = 8; // free times of one day, in the list; the week has all
const LOOKS_EVERY = 30000; // ms: what other processes change (a command, a remote calendar) is told by nobody
const HOLD_LEFT = 120000; // ms: while she types, a hold that ends sooner is held anew
const KEPT_FOR = 24 * 3600 * 1000; // ms: what lies in the browser from a call that never came back
const PREFIX = `pbx-agenda-${body.dataset.me}-`;

let call = "";
let told = null; // the panel, as the server told it last
let draft = null; // what she is about to book: {calendar, kind, starts, when, key, until, fields, at}
let moving = null; // the appointment that she moves; what she was about to book waits meanwhile
let picked = null; // an appointment that she has chosen in the week
let sure = 0; // the appointment of which she is asked whether it is really to be cancelled
let asked = 0;
let busy = false;
let wasAfter = false; // her after-call work was going on

// --- to the server -----------------------------------------------------------------------------------------------

const way = (what = "") => `/desk/agenda/${encodeURIComponent(call)}${what}`;

async function get(path, query) {
  const answer = await fetch(`${path}?${new URLSearchParams(query)}`);
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(String(answer.status)), { status: answer.status, told: found.words });
  return found;
}

const ask = (what, content, more) => post(way(what), content, more).catch(() => ({ ok: false, status: 0 }));

// --- the panel ---------------------------------------------------------------------------------------------------

async function look() {
  if (!call) return;
  const mine = ++asked;
  const of = call;
  const chosen = { calendar: part("calendar").value, kind: part("kind").value };
  const about = moving || draft;
  if (about) Object.assign(chosen, { calendar: about.calendar, kind: about.kind });
  try {
    const found = await get(way(), chosen);
    if (mine !== asked || of !== call) return;
    told = found;
    if (draft) draft.until = told.held?.starts === draft.starts ? told.held.until : "";
    settle();
    draw();
  } catch (error) {
    if (mine === asked && error.status === 409) section.hidden = true; // it is no longer on her desk
  }
}

// What was booked although its answer never came is told with the panel.
function settle() {
  const done = draft && told.appointments.find((one) => one.uid === draft.key);
  if (done) finish(done);
}

function draw() {
  section.hidden = !told.calendars.length && !told.appointments.length;
  part("choose").hidden = !told.calendars.length || Boolean(draft && !moving);
  options(part("calendar"), told.calendars.map((one) => [one.slug, titled(one)]), told.calendar);
  options(part("kind"), calendar().kinds.map((one) => [one.name, `${one.name} (${one.minutes} min)`]), told.kind);
  for (const name of ["calendar", "kind"]) {
    const alone = part(name).options.length < 2;
    part(name).hidden = part(`${name}-label`).hidden = alone || (name === "kind" && Boolean(moving));
  }
  const { address } = calendar();
  part("place").textContent = [told.calendars.length === 1 ? titled(calendar()) : "", address].filter(Boolean).join(", ");
  part("trouble").hidden = !told.trouble;
  part("trouble").textContent = told.trouble ? `${words.trouble} ${told.trouble}` : "";
  part("moving").hidden = part("stay").hidden = !moving;
  part("moving").textContent = moving ? words.moving.replace("{what}", `${moving.name}, ${moving.day} ${moving.time}`) : "";
  days();
  booked();
  formed();
}

const titled = (one) => [one.name, one.resource].filter(Boolean).join(", ");
const calendar = () => told.calendars.find((one) => one.slug === told.calendar) || { kinds: [], questions: [], address: "" };

function options(select, wanted, chosen) {
  const now = [...select.options].map((one) => [one.value, one.textContent]);
  if (JSON.stringify(now) !== JSON.stringify(wanted)) select.replaceChildren(...wanted.map(([value, text]) => new Option(text, value)));
  select.value = chosen || "";
}

function element(name, className, text = "") {
  return Object.assign(document.createElement(name), { className, textContent: text });
}

function slotButton(one, day, words_) {
  const made = Object.assign(element("button", "button slot", one.time), { type: "button" });
  Object.assign(made.dataset, { starts: one.starts, day });
  made.setAttribute("aria-label", `${words_}, ${one.time}`);
  made.addEventListener("click", () => choose({ starts: one.starts, when: `${words_}, ${one.time}` }));
  return made;
}

function days() {
  const place = part("days");
  const at = place.contains(document.activeElement) ? document.activeElement.dataset.starts : null;
  const made = (told.days || []).map(({ day, words: said, slots }) => {
    const group = element("div", "agenda-day");
    const list = element("div", "agenda-slots");
    const left = slots.length > SHOWN_A_DAY ? slots.length - SHOWN_A_DAY + 1 : 0; // the last place tells of them
    list.append(...slots.slice(0, left ? SHOWN_A_DAY - 1 : SHOWN_A_DAY).map((one) => slotButton(one, day, said)));
    if (left) {
      const more = Object.assign(element("button", "button quiet slot", `+${left}`), { type: "button" });
      more.setAttribute("aria-label", `${said}, +${left} ${words.more}`);
      more.addEventListener("click", () => openWeek(day));
      list.append(more);
    }
    group.append(element("h3", "", said), list);
    return group;
  });
  place.replaceChildren(...(made.length ? made : [element("p", "quiet", words.none)]));
  rove(place);
  if (at) (place.querySelector(`[data-starts="${CSS.escape(at)}"]`) || place.querySelector(".slot"))?.focus();
}

// One stop of the Tab key; the arrow keys go through the times.
function rove(place, on = place.querySelector(".slot")) {
  for (const one of place.querySelectorAll(".slot")) one.tabIndex = one === on ? 0 : -1;
}

function arrows(event) {
  const place = event.target.closest?.('[data-agenda="days"], [data-agenda="near"]');
  if (!place || !event.target.matches(".slot")) return;
  const all = [...place.querySelectorAll(".slot")];
  const groups = [...place.querySelectorAll(".agenda-slots")];
  const group = groups.findIndex((one) => one.contains(event.target));
  const column = group < 0 ? 0 : [...groups[group].children].indexOf(event.target);
  const across = (by) => {
    const there = groups[group + by]?.children;
    return there && there[Math.min(column, there.length - 1)];
  };
  const to = {
    ArrowRight: () => all[all.indexOf(event.target) + 1],
    ArrowLeft: () => all[all.indexOf(event.target) - 1],
    ArrowDown: () => across(1),
    ArrowUp: () => across(-1),
    Home: () => all[0],
    End: () => all.at(-1),
  }[event.key]?.();
  if (!to) return;
  event.preventDefault();
  rove(place, to);
  to.focus();
}

// --- what is booked ----------------------------------------------------------------------------------------------

function booked() {
  const list = part("booked");
  const focused = list.contains(document.activeElement) ? { ...document.activeElement.dataset } : null;
  const all = [...told.appointments];
  if (picked && !all.some((one) => one.id === picked.id)) all.push(picked);
  list.hidden = !all.length;
  list.replaceChildren(...all.map(bookedLine));
  if (focused) list.querySelector(`[data-id="${focused.id}"][data-does="${focused.does}"]`)?.focus();
}

function bookedLine(one) {
  const line = element("li", one.state);
  line.dataset.appointment = one.id;
  line.dataset.state = one.state;
  const what = element(one.state === "cancelled" ? "s" : "span", "agenda-what");
  what.append(element("strong", "", `${one.day}, ${one.time}`), ` ${one.name} · ${one.kind}`);
  const more = [
    told.calendars.length > 1 ? one.calendar_name : "",
    one.booked_now ? words.bookedNow : "",
    { cancelled: words.stateCancelled, no_show: words.stateNoShow }[one.state] || "",
    one.synced ? "" : words.notSynced,
  ].filter(Boolean);
  line.append(what);
  if (more.length) line.append(element("small", one.synced ? "quiet" : "agenda-waits", more.join(" · ")));
  if (one.may_change) line.append(...changes(one));
  return line;
}

function changes(one) {
  const button = (does, text, press) => {
    const made = Object.assign(element("button", "button small", text), { type: "button" });
    Object.assign(made.dataset, { does, id: one.id });
    made.setAttribute("aria-label", `${text}: ${one.day}, ${one.time}, ${one.name}`);
    made.addEventListener("click", press);
    return made;
  };
  const asks = (id) => {
    sure = id;
    booked();
    part("booked").querySelector(`[data-id="${one.id}"]`).focus();
  };
  const row = element("div", "agenda-more");
  const usual = () => [button("move", words.move, () => move(one)), button("cancel", words.cancel, () => asks(one.id))];
  const asked_ = () => [button("keep", words.keep, () => asks(0)), button("sure", words.sure, () => cancel(one))];
  row.append(...(sure === one.id ? asked_() : usual()));
  return [row];
}

async function cancel(one) {
  const answer = await ask("/cancel", { appointment: one.id });
  sure = 0;
  renew(answer.appointment);
  say(answer.ok ? `${words.cancelled} ${line(answer.appointment)}` : answer.words || words.away, !answer.ok);
  await look();
  if (answer.ok) focusPanel();
}

async function move(one) {
  moving = one;
  near([]);
  await look();
  part("days").querySelector('.slot[tabindex="0"]')?.focus();
}

// What she has chosen in the week, as it is now.
function renew(appointment) {
  if (picked && picked.id === appointment?.id) picked = { ...picked, ...appointment };
}

const line = (one) => `${one.day}, ${one.time}, ${one.name}`;

// --- a time is chosen --------------------------------------------------------------------------------------------

async function choose({ starts, when }) {
  if (busy) return;
  busy = true;
  try {
    if (moving) return await moveTo(starts);
    const chosen = { calendar: told.calendar, kind: told.kind, starts };
    const answer = await ask("/hold", chosen);
    if (answer.code === "slot-taken") return taken(answer);
    if (!answer.ok && answer.status) return say(answer.words, true);
    // Without a connection nobody holds it: what she types is kept, and it is booked if it is still free.
    const fields = draft?.fields || { name: told.caller.name, number: told.caller.number };
    draft = { ...chosen, when, fields, key: crypto.randomUUID(), until: answer.until || "", at: Date.now() };
    keep();
    say("");
    near([]);
    draw();
    form.elements.name.focus();
  } finally {
    busy = false;
  }
  return undefined;
}

async function moveTo(starts) {
  const answer = await ask("/move", { appointment: moving.id, starts });
  if (answer.code === "slot-taken") return taken(answer);
  say(answer.ok ? `${words.moved} ${line(answer.appointment)}` : answer.words || words.away, !answer.ok);
  renew(answer.appointment);
  if (answer.ok) {
    moving = null;
    near([]);
  }
  await look();
  if (answer.ok) focusPanel();
  return undefined;
}

// Somebody was first: who, and what is free near it. What she has typed stays.
function taken(answer) {
  say(answer.words, true);
  near(answer.near);
  if (draft && !moving) {
    draft.until = "";
    keep();
    formed();
  }
  look();
  (part("near").querySelector(".slot") || part("days").querySelector(".slot"))?.focus();
}

function near(slots) {
  const place = part("near");
  if (draft && !moving) form.insertBefore(place, part("slot").parentElement.nextSibling);
  else part("choose").insertBefore(place, part("days"));
  place.hidden = !slots.length;
  place.replaceChildren(
    element("h3", "", place.getAttribute("aria-label")),
    ...slots.map((one) => {
      const made = slotButton(one, one.day, one.words);
      made.textContent = `${one.words.split(",")[0]} ${one.time}`;
      return made;
    }),
  );
  rove(place);
}

// --- the form ----------------------------------------------------------------------------------------------------

function formed() {
  form.hidden = !draft || Boolean(moving);
  if (form.hidden) return;
  part("slot").textContent = draft.when;
  held();
  const questions = (told?.calendars.find((one) => one.slug === draft.calendar) || { questions: [] }).questions;
  const place = part("questions");
  if (place.dataset.of !== JSON.stringify(questions)) {
    place.dataset.of = JSON.stringify(questions);
    place.replaceChildren(...questions.map(question));
  }
  for (const field of form.elements) {
    if (!field.name) continue;
    const value = draft.fields[field.name];
    if (field.type === "checkbox") field.checked = Boolean(value);
    else if (field !== document.activeElement && field.value !== (value || "")) field.value = value || "";
  }
  form.querySelector('[data-agenda-field="email"]').hidden = !draft.fields.wants;
}

function question(text, place) {
  const made = element("div", "field");
  const label = Object.assign(element("label", "", text), { htmlFor: `agenda-question-${place}` });
  const field = Object.assign(element("input", ""), { id: `agenda-question-${place}`, name: `answer ${text}`, maxLength: 300 });
  made.append(label, field);
  return made;
}

function held() {
  const place = part("hold");
  const until = draft?.until ? Date.parse(draft.until) : 0;
  if (!draft || until <= Date.now()) {
    place.textContent = draft ? words.notHeld : "";
    return;
  }
  const clock = place.querySelector("time");
  if (clock?.dateTime === draft.until) return;
  const time = element("time", "");
  time.dateTime = draft.until;
  time.dataset.clock = "down";
  place.replaceChildren(`${words.held} `, time);
}

async function holdAnew() {
  const mine = draft;
  const { calendar: of, kind, starts } = mine;
  const answer = await ask("/hold", { calendar: of, kind, starts });
  if (draft !== mine) return;
  if (answer.ok) mine.until = answer.until;
  else if (answer.code === "slot-taken") return taken(answer);
  keep();
  held();
}

let holding = false;

function typed(field) {
  if (!draft) return;
  draft.fields[field.name] = field.type === "checkbox" ? field.checked : field.value;
  draft.at = Date.now();
  keep();
  problem("");
  if (field.name === "wants") {
    form.querySelector('[data-agenda-field="email"]').hidden = !field.checked;
    if (field.checked) form.elements.email.focus();
  }
  if (field.name === "email") spell(field.value);
  if (Date.parse(draft.until || 0) - Date.now() < HOLD_LEFT && draft.until && !holding) {
    holding = true;
    holdAnew().finally(() => (holding = false));
  }
}

let spellTimer = null;

function spell(address) {
  clearTimeout(spellTimer);
  spellTimer = setTimeout(async () => {
    const answer = await post("/desk/spell", { address }).catch(() => ({}));
    part("spelled").textContent = answer.spelled || "";
  }, 250);
}

async function book() {
  if (busy || !draft) return;
  busy = true;
  part("book").setAttribute("aria-busy", "true");
  const mine = draft;
  try {
    const { fields } = mine;
    const answers = Object.fromEntries(
      Object.entries(fields).flatMap(([name, value]) => (name.startsWith("answer ") && value.trim() ? [[name.slice(7), value]] : [])),
    );
    const answer = await ask("/book", {
      key: mine.key,
      calendar: mine.calendar,
      kind: mine.kind,
      starts: mine.starts,
      name: fields.name || "",
      number: fields.number || "",
      email: fields.wants ? fields.email || "" : "",
      answers,
      note: fields.note || "",
    });
    if (draft !== mine) return;
    if (answer.ok) {
      finish(answer.appointment);
      await look();
      focusPanel();
    } else if (answer.code === "slot-taken") taken(answer);
    else problem(answer.field, answer.words || words.away);
  } finally {
    busy = false;
    part("book").removeAttribute("aria-busy");
  }
}

// It stands in the store: what she typed need not lie here any more.
function finish(appointment) {
  forget(call);
  draft = null;
  near([]);
  say(`${words.booked} ${line(appointment)}`);
}

function problem(name, text = "") {
  for (const place of form.querySelectorAll("[data-agenda-field]")) {
    const wrong = place.dataset.agendaField === name;
    place.classList.toggle("problem", wrong);
    place.querySelector("[name]").setAttribute("aria-invalid", String(wrong));
  }
  say(text, Boolean(text));
  if (name) form.elements[name]?.focus();
}

async function drop() {
  const { calendar: of } = draft;
  forget(call);
  draft = null;
  form.reset();
  say(words.givenUp);
  near([]);
  await ask("/release", { calendar: of });
  await look();
  focusPanel();
}

function say(text, wrong = false) {
  const place = part("said");
  place.textContent = text || "";
  place.classList.toggle("warn", wrong);
}

// --- kept in the browser -----------------------------------------------------------------------------------------

function keep() {
  try {
    if (draft) localStorage.setItem(PREFIX + call, JSON.stringify(draft));
  } catch {
    /* private windows may have no room */
  }
}

function forget(of) {
  localStorage.removeItem(PREFIX + of);
}

function kept(of) {
  try {
    return JSON.parse(localStorage.getItem(PREFIX + of) || "null");
  } catch {
    return null;
  }
}

function tidyUp() {
  for (const name of Object.keys(localStorage).filter((one) => one.startsWith(PREFIX))) {
    const one = kept(name.slice(PREFIX.length));
    if (!one || Date.now() - one.at > KEPT_FOR) localStorage.removeItem(name);
  }
}

// --- another call, the end of her after-call work ----------------------------------------------------------------

function giveBack(of, what) {
  if (!what?.until) return;
  const path = `/desk/agenda/${encodeURIComponent(of)}/release`;
  post(path, { calendar: what.calendar }, { keepalive: true }).catch(() => {});
  what.until = "";
}

function deskIs() {
  const now = popCall();
  const after = body.dataset.state === "wrap-up";
  if (now !== call) {
    if (draft) {
      giveBack(call, draft);
      keep();
    }
    call = now;
    told = moving = picked = null;
    sure = 0;
    near([]);
    section.hidden = true;
    if (dialog.open) dialog.close();
    form.reset();
    say("");
    draft = kept(call);
    look();
  } else if (wasAfter && !after && draft?.until && body.dataset.state !== "talking") {
    giveBack(call, draft);
    keep();
    held();
  }
  wasAfter = after;
}

// --- the week ----------------------------------------------------------------------------------------------------

let week = null;

async function openWeek(day = "") {
  if (!told?.calendar) return;
  document.getElementById("agenda-week-title").textContent = titled(calendar());
  dialog.showModal();
  week?.destroy();
  const of = { calendar: told.calendar, kind: told.kind };
  week = new Week(part("grid"), {
    load: (query) => get(way("/week"), { ...of, ...query }),
    pick: (one) => {
      const when = new Intl.DateTimeFormat(week.locale, { weekday: "long", day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
      dialog.close();
      choose({ starts: one.starts, when: `${when.format(Date.parse(`${one.from}Z`))}, ${one.from.slice(11)}` });
    },
    choose: (one) => {
      dialog.close();
      lookAt({ ...one, calendar: of.calendar, calendar_name: titled(calendar()), booked_now: false });
    },
  });
  await week.open(day);
}

// An appointment of the week stands in the panel, with what can be done about it.
function lookAt(one) {
  picked = one;
  draw();
  part("booked").querySelector(`[data-appointment="${one.id}"] button`)?.focus();
}

// --- keys and clicks ---------------------------------------------------------------------------------------------

function focusPanel() {
  const wanted = draft && !moving
    ? form.elements.name
    : part("days").querySelector('.slot[tabindex="0"]') || section.querySelector("button:not([hidden]), select:not([hidden])");
  wanted?.focus();
  section.scrollIntoView({ block: "nearest" });
}

document.addEventListener("pbx-desk", deskIs);
document.addEventListener("pbx-agenda", () => {
  look();
  if (dialog.open) week?.reload();
});
document.addEventListener("pbx-agenda-key", () => section.hidden || focusPanel());
for (const name of ["calendar", "kind"]) {
  part(name).addEventListener("change", () => {
    if (name === "calendar") part("kind").replaceChildren();
    look();
  });
}
part("week").addEventListener("click", () => openWeek());
part("stay").addEventListener("click", () => {
  moving = null;
  near([]);
  look().then(focusPanel);
});
part("drop").addEventListener("click", drop);
part("close").addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => {
  week?.destroy();
  week = null;
  if (document.activeElement === body) focusPanel();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  book();
});
form.addEventListener("input", (event) => event.target.name && typed(event.target));
section.addEventListener("keydown", (event) => {
  arrows(event);
  if ((event.ctrlKey || event.metaKey) && event.key === "Enter" && draft) {
    event.preventDefault();
    event.stopPropagation(); // here it books; elsewhere it sends the message
    book();
  }
});
addEventListener("online", look);
document.addEventListener("visibilitychange", () => document.hidden || look());
setInterval(() => {
  if (!document.hidden && !section.hidden) look();
}, LOOKS_EVERY);
setInterval(held, 1000);

tidyUp();
deskIs();
