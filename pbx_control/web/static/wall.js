// The wallboard: shows what the server pushes, lets times tick, and says so when it hears nothing more.

const STALE_AFTER = 3000; // ms: the server says something every second
const GIVE_UP_AFTER = 6000; // ms: a stream that is silent for longer is opened anew
const stale = document.getElementById("stale");
let source = null;
let heardAt = Date.now();
let ahead = 0; // ms that this computer's clock is ahead of the server's
let opened = 0;

function listen() {
  source?.close();
  opened = Date.now();
  source = new EventSource("/admin/events");
  source.addEventListener("figures", (event) => {
    const told = heard(event);
    for (const [name, html] of Object.entries(told.regions)) show(name, html);
    tick();
  });
  source.addEventListener("alive", heard);
  source.addEventListener("signed-out", () => location.assign("/login?next=/admin"));
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 1000);
  };
}

function heard(event) {
  const told = JSON.parse(event.data);
  heardAt = Date.now();
  ahead = heardAt - Date.parse(told.at);
  age();
  return told;
}

function show(name, html) {
  const place = document.querySelector(`[data-region="${name}"]`);
  const inside = place.querySelector(".scroll");
  const focused = inside && document.activeElement === inside;
  const left = inside?.scrollLeft ?? 0;
  place.innerHTML = html;
  const again = place.querySelector(".scroll");
  if (again) again.scrollLeft = left;
  if (focused) again?.focus({ preventScroll: true });
}

function tick() {
  const now = Date.now() - ahead;
  for (const one of document.querySelectorAll("time[data-clock]")) {
    const seconds = Math.max(0, Math.floor((now - Date.parse(one.dateTime)) / 1000));
    const minutes = Math.floor(seconds / 60);
    const ends = `${String(minutes % 60).padStart(minutes < 60 ? 1 : 2, "0")}:${String(seconds % 60).padStart(2, "0")}`;
    const text = minutes < 60 ? ends : `${Math.floor(minutes / 60)}:${ends}`;
    if (one.textContent !== text) one.textContent = text;
  }
}

// What is old is never shown without a word: also when the computer has slept, or the network is gone.
function age() {
  const silent = Date.now() - heardAt;
  const old = silent > STALE_AFTER;
  document.body.toggleAttribute("data-stale", old);
  stale.hidden = !old;
  if (old) stale.textContent = stale.dataset.words.replace("{seconds}", Math.round(silent / 1000));
  if (silent > GIVE_UP_AFTER && Date.now() - opened > GIVE_UP_AFTER) listen();
}

setInterval(() => {
  age();
  if (!document.body.hasAttribute("data-stale")) tick();
}, 500);
for (const wakes of ["visibilitychange", "resume"]) document.addEventListener(wakes, age);
addEventListener("online", listen);
addEventListener("pageshow", (event) => event.persisted && listen());
listen();
tick();
