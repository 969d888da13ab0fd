// The telephone in the page: registers at the switch by our own web server, takes the calls that are offered to her, and
// tells the server whether it could. Whether she is called, and what becomes of a caller, the server decides.

import JsSIP from "./vendor/jssip.min.js";
import { post } from "./desk.js";

const place = document.getElementById("telephone");
const words = document.getElementById("telephone-words").dataset;
const part = (name) => place.querySelector(`[data-part="${name}"]`);

const AGAIN_AFTER = [500, 1000, 2000, 5000]; // ms: a telephone that could not begin is tried again so soon
const GATHERED_WITHIN = 300; // ms after the first way that the sound could take: dead interfaces are not waited for
const RELAYED_WITHIN = 2000; // ms, where a relay is among the ways
const KEY_LASTS = 120; // ms
const KEY_GAP = 80; // ms
const LEVELS_EVERY = 80; // ms
const LOST_AFTER = 4000; // ms: so long a call may stand here that the desk knows to be over
const QUIETEST = -60; // dB
const HERE = "pbx-telephone"; // that this browser is to have one
const DEVICES = { microphone: "audioinput", speaker: "audiooutput", ring: "audiooutput" };
const PROCESSED = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

let ua = null; // JsSIP's; null: none is on
let line = null; // what the server has lent: user, password, line, servers
let session = null; // the call, or the test
let stream = null; // the microphone, open as long as the telephone is on
let trouble = ""; // why nobody can be reached by it: a key of `words`
let has = false; // this tab has the telephone; another one has it otherwise
let registered = false;
let told = null; // what the server was told last
let tries = 0;
let turns = 0; // each beginning: what an earlier one was answered comes too late
let timer = null;
let release = null;
let asking = false; // for the telephone, which another tab has
const sound = new Audio();
sound.autoplay = true;

const kept = (name) => localStorage.getItem(`${HERE}-${name}`) || "";
const keep = (name, value) => localStorage.setItem(`${HERE}-${name}`, value);

// --- one tab has it ---------------------------------------------------------------------------------------------------

const tabs = new BroadcastChannel(HERE);
tabs.onmessage = ({ data }) => {
  if (data === "give-up" && has && !session) giveUp("elsewhere");
  if (data === "off" && !has) show();
};

function turnOn() {
  keep("on", "1");
  trouble = "";
  show();
  if (asking) return;
  asking = true;
  // It is this tab's until it is closed, or gives it up; a tab that crashes gives it up, too.
  navigator.locks.request(HERE, { mode: "exclusive" }, () => {
    asking = false;
    if (!kept("on")) return undefined; // turned off in the other one
    has = true;
    begin();
    return new Promise((end) => (release = end));
  });
}

function giveUp(why = "") {
  has = false;
  trouble = why;
  clearTimeout(timer);
  stop();
  closeMicrophone();
  if (line) post("/desk/telephone/done", { line: line.line }).catch(() => {});
  line = told = null;
  release?.();
  release = null;
  show();
}

function turnOff() {
  if (session) return;
  localStorage.removeItem(`${HERE}-on`);
  giveUp();
  tabs.postMessage("off");
}

function takeHere() {
  tabs.postMessage("give-up");
  if (has || release) begin();
  else turnOn();
}

// --- on ---------------------------------------------------------------------------------------------------------------

async function begin() {
  const turn = ++turns;
  clearTimeout(timer);
  stop();
  if (!has) return;
  trouble = "";
  show();
  if (!(await openMicrophone()) || turn !== turns) return;
  const answer = await post("/desk/telephone", {}).catch(() => ({ ok: false, status: 0 }));
  if (!has || turn !== turns) return;
  if (answer.status === 403) return giveUp("notAllowed");
  if (!answer.ok) return again("away");
  line = answer;
  told = null;
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  ua = new JsSIP.UA({
    sockets: [new JsSIP.WebSocketInterface(`${scheme}://${location.host}/ws?line=${encodeURIComponent(line.line)}`)],
    uri: `sip:${line.user}@pbx.invalid`,
    password: line.password,
    user_agent: "pbx-control desk",
    register_expires: 120,
    no_answer_timeout: 90,
    connection_recovery_min_interval: 1,
    connection_recovery_max_interval: 4,
  });
  ua.on("disconnected", disconnected);
  ua.on("registered", () => is(true));
  ua.on("unregistered", () => is(false));
  ua.on("registrationFailed", () => (session ? is(false) : again("away")));
  ua.on("newRTCSession", ({ originator, session: made }) => (originator === "remote" ? offered(made) : undefined));
  ua.start();
}

// Ends no call: who is gone without a word is found by the server, and his caller is the next in line.
function stop() {
  registered = false;
  const former = ua;
  ua = null;
  former?.removeAllListeners();
  former?.stop();
}

function again(why) {
  is(false);
  stop();
  trouble = why;
  show();
  clearTimeout(timer);
  timer = setTimeout(begin, AGAIN_AFTER[Math.min(tries++, AGAIN_AFTER.length - 1)]);
}

function disconnected({ code }) {
  is(false);
  if (code === 4000) return session ? undefined : giveUp("taken");
  if (code === 4001) return giveUp("signedOut");
  trouble = "socket";
  show();
  // In a call the same line is taken up again: what is spoken goes on meanwhile.
  if (!session) again("socket");
}

function is(there) {
  registered = there;
  if (there) {
    tries = 0;
    if (hears()) trouble = "";
  }
  tell();
  show();
}

// The server counts her as reachable only if the switch says so, too.
function tell() {
  const ready = Boolean(registered && hears());
  if (!line || told === ready) return;
  told = ready;
  const which = line.line;
  post("/desk/telephone/ready", { line: which, ready }).catch(() => {
    if (line?.line === which) told = null;
  });
}
setInterval(tell, 3000);

// --- microphone and speaker -------------------------------------------------------------------------------------------

const microphone = () => stream?.getAudioTracks()[0];
const hears = () => microphone()?.readyState === "live";
const REFUSED = { NotAllowedError: "refused", SecurityError: "refused", NotFoundError: "noDevice", OverconstrainedError: "noDevice" };

async function openMicrophone() {
  if (hears()) return true;
  const wanted = kept("microphone");
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: { ...PROCESSED, ...(wanted ? { deviceId: { ideal: wanted } } : {}) } });
  } catch (error) {
    trouble = navigator.mediaDevices ? REFUSED[error.name] || "inUse" : "notSecure";
    tell();
    show();
    return false;
  }
  microphone().onended = lostMicrophone;
  microphone().enabled = false; // nobody is listened to outside a call
  listDevices();
  return true;
}

function closeMicrophone() {
  for (const track of stream?.getTracks() || []) {
    track.onended = null;
    track.stop();
  }
  stream = null;
}

// It was pulled out: another one takes its place, in a call, too.
async function lostMicrophone() {
  stream = null;
  tell();
  if ((await openMicrophone()) && session) await useMicrophone();
  is(registered);
}

async function useMicrophone() {
  const sender = session?.connection?.getSenders().find((one) => one.track?.kind === "audio" || !one.track);
  await sender?.replaceTrack(microphone());
  muted(isMuted);
  meters();
}

navigator.mediaDevices?.addEventListener("devicechange", () => {
  listDevices();
  if (has && !hears()) regain();
});

// In a call nothing is begun anew: that would end it.
async function regain() {
  if (!session) return begin();
  if (await openMicrophone()) await useMicrophone();
  is(registered);
}

navigator.permissions?.query({ name: "microphone" }).then((permission) => {
  permission.onchange = () => has && !session && begin();
}).catch(() => {}); // some browsers do not tell

async function listDevices() {
  const found = await navigator.mediaDevices.enumerateDevices().catch(() => []);
  for (const [name, kind] of Object.entries(DEVICES)) {
    const list = part(name);
    const options = found.filter((one) => one.kind === kind && one.deviceId).map((one) => new Option(one.label || words.unnamed, one.deviceId));
    list.replaceChildren(new Option(words.usual, ""), ...options);
    list.value = options.some((one) => one.value === kept(name)) ? kept(name) : "";
  }
  sound.setSinkId?.(kept("speaker")).catch(() => {});
}

async function choose(name, value) {
  keep(name, value);
  if (name === "speaker") await sound.setSinkId?.(value).catch(() => {});
  if (name !== "microphone" || !has) return;
  closeMicrophone();
  if ((await openMicrophone()) && session) await useMicrophone();
  is(registered);
}

// --- calls ------------------------------------------------------------------------------------------------------------

let isMuted = false;
let isTest = false;

function offered(made) {
  if (session && isTest) session.terminate();
  else if (session) return made.terminate({ status_code: 486 });
  isTest = false;
  follow(made);
}

function follow(made) {
  session = made;
  isMuted = false;
  const over = () => {
    if (session !== made) return;
    session = null;
    sound.srcObject = null;
    if (microphone()) microphone().enabled = false;
    meters();
    if (has && ua && !ua.isConnected()) again("socket");
    show();
  };
  made.on("ended", over);
  made.on("failed", over);
  made.on("accepted", show);
  made.on("confirmed", show);
  made.on("peerconnection", ({ peerconnection }) => listenTo(peerconnection));
  if (made.connection) listenTo(made.connection);
  made.on("icecandidate", gathered());
  show();
}

function listenTo(connection) {
  connection.addEventListener("track", ({ track }) => {
    sound.srcObject = new MediaStream([track]);
    sound.play().catch(() => {});
    meters();
  });
}

function gathered() {
  let waiting = null;
  const relayed = line?.servers.length > 0;
  return ({ candidate, ready }) => {
    if (candidate.type === "relay") return ready();
    waiting ??= setTimeout(ready, relayed ? RELAYED_WITHIN : GATHERED_WITHIN);
  };
}

const options = () => ({ mediaStream: stream, mediaConstraints: { audio: true, video: false }, pcConfig: { iceServers: line.servers } });

function answer() {
  if (!session || isTest || session.direction !== "incoming" || session.isEstablished()) return;
  if (!hears()) return;
  microphone().enabled = true;
  session.answer(options());
  show();
}

function hangUp() {
  session?.terminate();
}

function mute() {
  if (session) muted(!isMuted);
}

// By the track itself: silence is sent, so that the line is not taken for dead.
function muted(now) {
  isMuted = now;
  if (microphone()) microphone().enabled = Boolean(session) && !now;
  show();
}

function press(key) {
  session?.isEstablished() && session.sendDTMF(key, { transportType: "RFC2833", duration: KEY_LASTS, interToneGap: KEY_GAP });
}

// She hears herself, before the shift.
function test() {
  if (session || !ua || !registered || !hears()) return;
  isTest = true;
  microphone().enabled = true;
  follow(ua.call(`sip:${words.echo}@pbx.invalid`, options()));
}

// Its end may have been told while there was no socket: the desk knows it by the server.
let lostTimer = null;
new MutationObserver(() => {
  const over = session && !isTest && !["offered", "talking"].includes(document.body.dataset.state);
  if (!over) {
    clearTimeout(lostTimer);
    lostTimer = null;
  } else {
    lostTimer ??= setTimeout(() => {
      lostTimer = null;
      if (session && !isTest && !["offered", "talking", "offline"].includes(document.body.dataset.state)) hangUp();
    }, LOST_AFTER);
  }
}).observe(document.body, { attributes: true, attributeFilter: ["data-state"] });

// --- how loud it is ---------------------------------------------------------------------------------------------------

let audio = null;
let measuring = null;
let measured = [];

function meters() {
  for (const [node] of measured) node.disconnect();
  measured = [];
  clearInterval(measuring);
  for (const name of ["mine", "theirs"]) part(name).value = 0;
  if (!session) return;
  audio ??= new AudioContext();
  audio.resume().catch(() => {});
  for (const [name, from] of [["mine", stream], ["theirs", sound.srcObject]]) {
    if (!from?.getAudioTracks().length) continue;
    const node = audio.createMediaStreamSource(from);
    const analyser = audio.createAnalyser();
    analyser.fftSize = 1024;
    node.connect(analyser);
    measured.push([node, analyser, part(name), new Float32Array(analyser.fftSize)]);
  }
  measuring = setInterval(measure, LEVELS_EVERY);
}

function measure() {
  for (const [, analyser, meter, samples] of measured) {
    analyser.getFloatTimeDomainData(samples);
    const power = samples.reduce((sum, one) => sum + one * one, 0) / samples.length;
    meter.value = Math.max(0, 1 - (10 * Math.log10(power + 1e-10)) / QUIETEST);
  }
}

// --- what is shown ----------------------------------------------------------------------------------------------------

function stateNow() {
  if (session && isTest) return "test";
  if (session) return session.isEstablished() ? "talking" : "ringing";
  if (trouble) return trouble === "elsewhere" || trouble === "taken" ? "elsewhere" : "trouble";
  if (!kept("on")) return "off";
  if (!has) return "elsewhere";
  return registered ? "ready" : "starting";
}

function show() {
  const state = stateNow();
  place.dataset.telephone = state;
  const says = state === "trouble" || (trouble && state !== "off") ? words[trouble] : words[state];
  if (part("says").textContent !== says) part("says").textContent = says || "";
  for (const button of place.querySelectorAll("[data-telephone-do]")) button.hidden = !button.dataset.when.split(" ").includes(state);
  part("keys").hidden = state !== "talking" && state !== "test";
  part("levels").hidden = part("keys").hidden;
  part("mute").setAttribute("aria-pressed", String(isMuted));
}

const does = { on: turnOn, off: turnOff, here: takeHere, answer, "hang-up": hangUp, mute, test, again: () => begin() };
place.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-telephone-do], [data-key]");
  if (button?.dataset.key) press(button.dataset.key);
  else if (button) does[button.dataset.telephoneDo]();
});
place.addEventListener("change", ({ target }) => DEVICES[target.dataset.part] && choose(target.dataset.part, target.value));
place.addEventListener("keydown", (event) => {
  if (event.target.closest("[data-part=keys]") && /^[0-9*#]$/.test(event.key) && !event.altKey) press(event.key);
});
const withAlt = { KeyT: answer, KeyK: hangUp, KeyX: mute };
addEventListener("keydown", (event) => {
  if (!event.altKey || event.ctrlKey || event.metaKey || !withAlt[event.code] || event.repeat) return;
  event.preventDefault();
  withAlt[event.code]();
});

if (kept("on")) turnOn();
show();
