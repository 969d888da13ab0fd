// The week of a client's calendar, on the secretary's desk and in the portal: appointments, what is busy, held and free.
// The server says everything in the calendar's own wall time (web/agenda_json.py); nothing here computes with time zones.

const NARROW = matchMedia("(max-width: 40rem)"); // a list of days, no grid
const LOCALES = { es: "es-CL", en: "en-GB" };
const SLOT_HEIGHT = 28; // px: one line of text, and 24 px to press (WCAG 2.5.8)
const FINEST = 5, COARSEST = 30; // minutes a line of the grid: each free time has a line of its own
const SCROLL_LEAD = 30; // minutes above what is shown first
const DAY = 86400000; // ms

let library = null;

// The library comes with the first week that is opened: pages that open none load nothing of it.
function loaded() {
  library ??= new Promise((done, failed) => {
    const look = document.createElement("link");
    Object.assign(look, { rel: "stylesheet", href: new URL("vendor/event-calendar.min.css", import.meta.url).href });
    document.head.prepend(look); // our own rules come after it
    const script = document.createElement("script");
    script.src = new URL("vendor/event-calendar.min.js", import.meta.url).href;
    script.onload = () => done(window.EventCalendar);
    script.onerror = () => {
      library = null; // tried again when the network is back
      failed(new Error("the week view could not be loaded"));
    };
    document.head.append(script);
  });
  return library;
}

// Days are counted as UTC days, so that no clock of the browser's moves them.
const asDay = (text) => Date.parse(`${text}T00:00:00Z`);
const asText = (day) => new Date(day).toISOString().slice(0, 10);
const monday = (day) => day - ((new Date(day).getUTCDay() + 6) % 7) * DAY;
const clock = (wall) => wall.slice(11);

export function wordsOf(id = "week-words") {
  return { ...document.getElementById(id).dataset };
}

export class Week {
  // load({from, days}) gives the week's JSON; pick(slot) and choose(appointment) are told what is pressed.
  // `choose` may be left out: appointments are then read only.
  constructor(place, { load, pick, choose, words = wordsOf(), language = document.documentElement.lang }) {
    Object.assign(this, { place, load, pick, choose, words, language, week: !NARROW.matches, first: "", told: null });
    this.locale = LOCALES[language] || language;
    this.asked = 0;
    this.at = ""; // what the arrow keys stand on
    this.enters = false; // the keys go into the grid as soon as it is drawn, whichever answer draws it
    this.build();
    place.addEventListener("keydown", (event) => this.key(event));
    NARROW.addEventListener("change", (this.turned = () => this.told && this.draw()));
  }

  // Shows the days about `day` ("": this week), and puts the keys there.
  async open(day = "") {
    this.first = day;
    this.enters = true;
    await this.reload();
  }

  // The same days anew; what stands there stays until they are here.
  async reload() {
    const asked = ++this.asked;
    this.status.textContent = this.told ? "" : this.words.loading;
    try {
      const day = this.first && this.week ? asText(monday(asDay(this.first))) : this.first;
      const [told, made] = await Promise.all([this.load({ from: day, days: this.week ? 7 : 1 }), loaded()]);
      if (asked !== this.asked) return; // she has turned on meanwhile
      this.eventCalendar = made;
      this.told = told;
      this.first = told.from;
      this.status.textContent = told.trouble ? `${this.words.trouble} ${told.trouble}` : "";
      await this.draw();
    } catch (error) {
      if (asked !== this.asked) return;
      this.status.textContent = error.told || this.words.away;
      this.enter();
    }
  }

  destroy() {
    NARROW.removeEventListener("change", this.turned);
    if (this.calendar) this.eventCalendar.destroy(this.calendar);
    this.place.replaceChildren();
  }

  // --- what stands around it -------------------------------------------------------------------------------------

  build() {
    const { words } = this;
    const button = (name, label, press, more = {}) => {
      const made = Object.assign(document.createElement("button"), { type: "button", textContent: label, className: "button" });
      made.dataset.week = name;
      for (const [key, value] of Object.entries(more)) made.setAttribute(key, value);
      made.addEventListener("click", press);
      return made;
    };
    this.place.classList.add("week");
    this.title = Object.assign(document.createElement("h3"), { className: "week-title" });
    this.title.setAttribute("aria-live", "polite");
    this.before = button("previous", "‹", () => this.turn(-1), { "aria-label": words.previous, "aria-keyshortcuts": "PageUp" });
    this.now = button("today", words.today, () => this.go(""), { "aria-keyshortcuts": words.todayKey });
    this.after = button("next", "›", () => this.turn(1), { "aria-label": words.next, "aria-keyshortcuts": "PageDown" });
    this.asDay = button("day", words.day, () => this.as(false), { "aria-keyshortcuts": words.dayKey });
    this.asWeek = button("week", words.week, () => this.as(true), { "aria-keyshortcuts": words.weekKey });
    const bar = Object.assign(document.createElement("div"), { className: "week-bar" });
    bar.append(this.before, this.now, this.after, this.title, this.asDay, this.asWeek);
    this.status = Object.assign(document.createElement("p"), { className: "week-status" });
    this.status.setAttribute("role", "status");
    this.grid = Object.assign(document.createElement("div"), { className: "week-grid" });
    this.grid.setAttribute("role", "group");
    this.foot = Object.assign(document.createElement("p"), { className: "week-foot quiet" });
    this.place.replaceChildren(bar, this.status, this.grid, this.legend(), this.foot);
  }

  legend() {
    const list = Object.assign(document.createElement("ul"), { className: "week-legend" });
    for (const kind of ["free", "confirmed", "cancelled", "no_show", "busy"]) {
      const one = document.createElement("li");
      const mark = Object.assign(document.createElement("span"), { className: `week-mark ${kind}` });
      one.append(mark, this.words[camel(kind)]);
      list.append(one);
    }
    return list;
  }

  // --- turning ---------------------------------------------------------------------------------------------------

  turn(by, byKey = false) {
    const first = asDay(this.first) + by * (this.week ? 7 : 1) * DAY;
    return this.go(asText(first), byKey);
  }

  // Who goes by keys goes on in the grid; who presses a button stays on it.
  async go(day, byKey = false) {
    this.enters ||= byKey || this.grid.contains(document.activeElement);
    this.first = day;
    this.at = "";
    await this.reload();
  }

  // A day of a week is today's, where the week has it; a week is that of the day.
  as(week, byKey = false) {
    if (this.week === week) return undefined;
    const { today, from } = this.told || {};
    this.week = week;
    const holdsToday = today && asDay(today) >= asDay(from) && asDay(today) < asDay(from) + 7 * DAY;
    return this.go(!week && holdsToday ? today : this.at.slice(0, 10) || from || "", byKey);
  }

  // --- drawing ---------------------------------------------------------------------------------------------------

  async draw() {
    const { told } = this;
    this.enters ||= this.grid.contains(document.activeElement);
    const options = this.options();
    this.asDay.setAttribute("aria-pressed", String(!this.week));
    this.asWeek.setAttribute("aria-pressed", String(this.week));
    this.title.textContent = this.titleOf(told);
    this.grid.setAttribute("aria-label", this.title.textContent);
    this.place.classList.toggle("one-day", !this.week);
    this.foot.textContent = `${this.words.zone} ${told.zone}`;
    // Made anew for each: what stands in it is never that of other days.
    if (this.calendar) this.eventCalendar.destroy(this.calendar);
    this.calendar = this.eventCalendar.create(this.grid, options);
    await new Promise((drawn) => requestAnimationFrame(drawn));
    if (told !== this.told || !this.grid.isConnected) return; // she has turned on, or closed it
    this.dress();
    this.enter();
    this.place.dataset.weekReady = `${told.from} ${told.days}`;
  }

  titleOf({ from, days }) {
    const format = new Intl.DateTimeFormat(this.locale, { day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
    const whole = new Intl.DateTimeFormat(this.locale, { weekday: "long", day: "numeric", month: "long", year: "numeric", timeZone: "UTC" });
    const first = asDay(from);
    return days === 1 ? whole.format(first) : format.formatRange(first, first + (days - 1) * DAY);
  }

  options() {
    const { told } = this;
    const view = (NARROW.matches ? "list" : "timeGrid") + (this.week ? "Week" : "Day");
    const line = this.lineMinutes();
    const time = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
    return {
      view,
      date: told.from,
      firstDay: 1,
      locale: this.locale,
      timeZone: told.offset,
      headerToolbar: { start: "", center: "", end: "" },
      allDaySlot: false,
      nowIndicator: true,
      slotEventOverlap: false,
      slotDuration: { minutes: line },
      ...(line < 15 ? { slotLabelInterval: { minutes: COARSEST } } : {}),
      slotHeight: SLOT_HEIGHT,
      slotLabelFormat: time,
      slotMinTime: told.opens,
      slotMaxTime: told.closes,
      flexibleSlotTimeLimits: { eventFilter: (event) => event.display !== "background" },
      scrollTime: this.scrollTime(),
      dayHeaderFormat: { weekday: "short", day: "numeric", month: "short" },
      listDayFormat: { weekday: "long", day: "numeric", month: "long" },
      listDaySideFormat: () => "",
      eventTimeFormat: time,
      eventContent: ({ event }) => ({ domNodes: this.content(event.extendedProps) }),
      eventClick: ({ event }) => this.press(event.extendedProps),
      eventDidMount: ({ event, el }) => this.mark(el, event.extendedProps),
      noEventsContent: this.words.nothing,
      events: [...this.events(view)],
    };
  }

  lineMinutes() {
    return Math.min(COARSEST, Math.max(FINEST, this.told.step));
  }

  scrollTime() {
    // The first free time, on which the keys stand; else now, where these days have it, else the first appointment.
    const { free, appointments, now, from, days, opens } = this.told;
    const holdsNow = now >= from && asDay(now.slice(0, 10)) < asDay(from) + days * DAY;
    const booked = appointments.map((one) => clock(one.from)).sort()[0];
    const shown = free.length ? clock(free[0].from) : holdsNow ? clock(now) : booked || opens;
    const [hours, minutes] = shown.split(":").map(Number);
    return { minutes: Math.max(0, hours * 60 + minutes - SCROLL_LEAD) };
  }

  *events(view) {
    const { appointments, busy, held, free } = this.told;
    const display = view.startsWith("list") ? "auto" : "background";
    const line = this.lineMinutes();
    const event = (kind, one, until = one.until, more = {}) => ({
      id: `${kind} ${one.id || ""} ${one.from} ${until}`, // another one is another element
      start: one.from,
      end: until,
      classNames: [
        kind,
        ...(one.synced === false ? ["not-synced"] : []),
        ...(Date.parse(`${until}Z`) - Date.parse(`${one.from}Z`) <= line * 60000 ? ["one-line"] : []),
      ],
      extendedProps: { kind, one },
      ...more,
    });
    for (const one of appointments) yield event(one.state, one);
    for (const one of busy) yield event("busy", one, one.until, { display });
    for (const one of held) yield event("held", one);
    if (this.pick) for (const one of free) yield event("free", one, one.drawn_until);
  }

  content({ kind, one }) {
    const part = (name, className, text) => Object.assign(document.createElement(name), { className, textContent: text });
    const when = part("time", "week-time", clock(one.from));
    if (kind === "free") return [when];
    const list = NARROW.matches;
    if (kind === "busy") return list ? [part("span", "week-time", `${clock(one.from)}–${clock(one.until)}`), " ", part("span", "", this.words.busy)] : [];
    if (kind === "held") return [when, " ", part("span", "week-name", this.heldBy(one))];
    const said = [when, part(kind === "cancelled" ? "s" : "span", "week-name", one.name), part("span", "week-kind", one.kind)];
    if (!one.synced) said.push(part("span", "week-waits", this.words.notSynced));
    return said.flatMap((each) => [each, " "]);
  }

  heldBy(one) {
    return this.words.held.replace("{who}", one.holder);
  }

  // What a screen reader says of it, and whether it can be pressed.
  mark(el, { kind, one }) {
    const day = new Intl.DateTimeFormat(this.locale, { weekday: "long", day: "numeric", month: "long", timeZone: "UTC" });
    const when = `${day.format(asDay(one.from.slice(0, 10)))} ${clock(one.from)}–${clock(one.until)}`;
    const what = {
      free: () => this.words.free,
      busy: () => this.words.busy,
      held: () => this.heldBy(one),
    }[kind];
    const said = what ? what() : [this.words[camel(kind)], one.name, one.kind, one.synced ? "" : this.words.notSynced].filter(Boolean).join(", ");
    const pressed = kind === "free" || (one.id && this.choose);
    el.dataset.from = one.from;
    el.dataset.kind = kind;
    if (one.id) el.dataset.appointment = one.id;
    if (one.starts && kind === "free") el.dataset.starts = one.starts;
    el.setAttribute("aria-label", `${when}, ${said}`);
    if (kind !== "free") el.title = `${when}, ${said}`; // what does not fit
    if (!pressed) {
      el.setAttribute("role", "img"); // a label on what is neither control nor picture is not read
      el.removeAttribute("tabindex");
    }
  }

  // The library's words for a table do not fit what can be pressed within: a group with a label it is.
  dress() {
    for (const one of this.grid.querySelectorAll("[role=table], [role=list], [role=row], [role=rowgroup], [role=cell], [role=columnheader], [role=listitem]"))
      for (const name of ["role", "aria-colindex", "aria-colspan"]) one.removeAttribute(name);
    for (const one of this.grid.querySelectorAll("time[aria-label]")) {
      one.title = one.getAttribute("aria-label");
      one.removeAttribute("aria-label");
    }
    const scrolled = this.grid.querySelector(".ec-main");
    if (scrolled && scrolled.scrollHeight > scrolled.clientHeight && !this.items().length) scrolled.tabIndex = 0;
    this.rove();
  }

  // --- keys ------------------------------------------------------------------------------------------------------

  items() {
    const found = [...this.grid.querySelectorAll("[data-from][role=button]")];
    return found.sort((one, other) => (one.dataset.from < other.dataset.from ? -1 : 1));
  }

  // One stop of the Tab key: the arrow keys go on from there.
  rove() {
    const items = this.items();
    const on = items.find((one) => one.dataset.from === this.at) || items.find((one) => one.dataset.kind === "free") || items[0];
    for (const one of items) one.tabIndex = one === on ? 0 : -1;
    return on;
  }

  enter() {
    if (!this.enters) return;
    this.enters = false;
    (this.rove() || this.now).focus({ preventScroll: false });
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    // The library has pressed it already: the same key must not press what has the keys now.
    if (event.key === "Enter" && event.target.closest?.("[data-from]")) event.preventDefault();
    const letter = event.key.length === 1 ? event.key.toUpperCase() : "";
    const { words } = this;
    const known = {
      PageUp: () => this.turn(-1, true),
      PageDown: () => this.turn(1, true),
      [words.todayKey]: () => this.go("", true),
      [words.dayKey]: () => this.as(false, true),
      [words.weekKey]: () => this.as(true, true),
    }[letter || event.key];
    const moved = known ? null : this.moved(event);
    if (!known && !moved) return;
    event.preventDefault();
    event.stopPropagation();
    if (known) known();
    else this.stand(moved);
  }

  moved(event) {
    const item = event.target.closest?.("[data-from]");
    if (!item) return null;
    const items = this.items();
    const place = items.indexOf(item);
    const day = (one) => one.dataset.from.slice(0, 10);
    const here = day(item);
    const same = items.filter((one) => day(one) === here);
    const across = (by) => {
      const days = [...new Set(items.map(day))];
      const to = days[days.indexOf(here) + by];
      const minutes = (one) => Number(clock(one.dataset.from).replace(":", ""));
      const there = items.filter((one) => day(one) === to);
      return there.sort((one, other) => Math.abs(minutes(one) - minutes(item)) - Math.abs(minutes(other) - minutes(item)))[0];
    };
    return {
      ArrowDown: () => items[place + 1],
      ArrowUp: () => items[place - 1],
      ArrowRight: () => across(1),
      ArrowLeft: () => across(-1),
      Home: () => same[0],
      End: () => same.at(-1),
    }[event.key]?.();
  }

  stand(item) {
    this.at = item.dataset.from;
    this.rove();
    item.tabIndex = 0;
    item.focus();
    item.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  press({ kind, one }) {
    this.at = one.from;
    if (kind === "free") this.pick?.(one);
    else if (one.id) this.choose?.(one);
  }
}

function camel(kind) {
  return kind.replace(/_(.)/, (_, letter) => letter.toUpperCase());
}
