// The page of live calls: what changes comes by the event stream; buttons and keys ask the daemon.

const live = document.getElementById("live");
const problem = document.getElementById("problem");
const away = document.getElementById("away");
const csrf = document.body.dataset.csrf;
const KEYS = { l: "listen", w: "whisper", b: "barge", Escape: "leave" };
const SILENT = 10000; // ms: the stream says something every three seconds

const rows = () => [...live.querySelectorAll("li[data-call]")];
const rowOf = (call) => rows().find((row) => row.dataset.call === call);

function show(html) {
  const row = document.activeElement?.closest?.("li[data-call]");
  const was = row?.dataset.call;
  const act = document.activeElement?.dataset?.act;
  live.innerHTML = html;
  const again = was && rowOf(was);
  if (again) (again.querySelector(`button[data-act="${act}"]`) ?? again).focus();
  tick();
}

async function ask(row, act) {
  problem.hidden = true;
  let answer;
  try {
    answer = await fetch(`/admin/calls/${encodeURIComponent(row.dataset.call)}/act`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
      body: JSON.stringify({ act }),
    });
  } catch {
    away.hidden = false;
    return;
  }
  if (answer.ok) return;
  const told = await answer.json().catch(() => ({}));
  problem.textContent = told.words ?? told.what ?? "";
  problem.hidden = !problem.textContent;
}

live.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-act]");
  if (button) ask(button.closest("li"), button.dataset.act);
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const all = rows();
  const at = all.indexOf(document.activeElement?.closest?.("li[data-call]"));
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const next = all[Math.min(all.length - 1, Math.max(0, at + (event.key === "ArrowDown" ? 1 : -1)))];
    if (next) {
      next.focus();
      event.preventDefault();
    }
    return;
  }
  const act = KEYS[event.key] ?? KEYS[event.key.toLowerCase()];
  // Leaving needs no choice: she is in one call.
  const row = act === "leave" ? live.querySelector("li.mine") : all[at];
  if (act && row) {
    ask(row, act);
    event.preventDefault();
  }
});

function tick() {
  for (const clock of live.querySelectorAll("time[data-clock]")) {
    const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(clock.dateTime)) / 1000));
    clock.textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }
}

let heard = Date.now();
function listen() {
  const source = new EventSource("/admin/calls/events");
  const alive = () => {
    heard = Date.now();
    away.hidden = true;
  };
  source.addEventListener("view", (event) => {
    alive();
    show(JSON.parse(event.data));
  });
  source.addEventListener("alive", alive);
  source.addEventListener("signed-out", () => location.reload());
  source.onerror = () => {
    away.hidden = false;
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 1000);
  };
}

setInterval(tick, 1000);
setInterval(() => { if (Date.now() - heard > SILENT) away.hidden = false; }, 2000);
tick();
listen();
