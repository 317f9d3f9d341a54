// The page: which rig is shown, what is known of it and since when, Stop. What each part shows is in its own module.
import { post, rigPath, token, get } from "./api.js";
import { age, clock, el, rate } from "./format.js";
import { listen, now } from "./source.js";
import { alarms, figures } from "./figures.js";
import { Charts } from "./charts.js";
import { Doses, withdrawQuestions } from "./doses.js";
import { ProgramTab } from "./program.js";
import { LogTab } from "./log.js";
import { CareTab } from "./care.js";
import { say } from "./say.js";

const STALE_MS = 3500; // a rig is read once a second
const byId = (id) => document.getElementById(id);
const rigs = new Map(); // key: { view, at }
let order = [];
let chosen = localStorage.getItem("pumprig-rig");
let down = null; // since when the server does not answer
let heard = 0;

export const shown = () => rigs.get(chosen);
const parts = [];

function choose(key) {
  const other = chosen !== key;
  chosen = key; // before the parts begin: they ask which rig it is
  localStorage.setItem("pumprig-rig", key);
  if (other) {
    withdrawQuestions();
    for (const part of parts) part.begin?.(key);
  }
  draw();
}

// --- news

function news({ kind, at, data }) {
  if (kind === "down") { down ??= at; draw(); probe(); return; }
  heard = at;
  down = null;
  if (kind === "hello") byId("version").textContent = `pumprig ${data.version}.`;
  if (kind === "rigs") {
    order = data;
    for (const key of rigs.keys()) if (!order.includes(key)) rigs.delete(key);
    if (!order.includes(chosen) && order.length && !(chosen && /^[^p]/.test(chosen) && order.every((key) => key.startsWith("port-")))) choose(order[0]);
  }
  if (kind === "rig") {
    rigs.set(data.key, { view: data, at });
    if (!order.includes(data.key)) order.push(data.key);
    if (!rigs.has(chosen)) choose(data.key);
    if (data.key === chosen) for (const part of parts) part.reading?.(data);
  }
  draw();
}

async function probe() { // the server is there again, or it wants another token
  const answer = await get("/api/ping");
  if (answer.status === 401) {
    byId("lost").dataset.why = "This page's token is no longer the server's. Open the page again: pumprig dashboard";
    draw();
  }
}

// --- drawing

export function ageOf(entry) {
  return entry?.view.age_ms === null || entry === undefined ? null : entry.view.age_ms + (now() - entry.at);
}

function lostText(entry) {
  const banner = byId("lost");
  if (!token) return "This page has no token. Open it by: pumprig dashboard";
  if (banner.dataset.why) return banner.dataset.why;
  if (down !== null) return `The page's server does not answer since ${clock(down)}. The rig goes on as programmed, and its stop button works. Trying again.`;
  if (entry === undefined) return order.length || !heard ? "" : "No rig is found. Connect one, or begin with a simulated one: pumprig -p sim dashboard";
  const lost = entry.view.lost;
  if (lost) return `Link to the rig lost since ${clock(lost.since_ms)}: ${lost.why} The rig goes on as programmed, and its stop button works. What is shown is the last reading.`;
  const old = ageOf(entry);
  if (old !== null && old > STALE_MS) return `No reading since ${clock(Date.now() - old)}. What is shown is the last one.`;
  return "";
}

function set(node, text) { if (node.textContent !== text) node.textContent = text; }

function draw() {
  const entry = shown();
  const text = lostText(entry);
  document.body.classList.toggle("stale", text !== "");
  const banner = byId("lost");
  banner.hidden = text === "";
  set(banner, text);
  header(entry);
  tiles();
  byId("locked").hidden = !entry?.view.locked;
  alarms(byId("alarms"), entry?.view, chosen);
  figures(byId("figures"), entry?.view, ageOf(entry));
}

function header(entry) {
  const status = entry?.view.status;
  const title = byId("title");
  const name = entry ? `Rig ${entry.view.device_id ?? entry.view.port}` : "pumprig";
  if (title.dataset.of !== name + status?.simulated) {
    title.dataset.of = name + status?.simulated;
    title.replaceChildren(name, ...(status?.simulated ? [el("span", { class: "simulated" }, "SIMULATED")] : []));
    document.title = `${name} · pumprig`;
  }
  const old = ageOf(entry);
  const fresh = document.body.classList.contains("stale") ? "link lost" : "live";
  set(byId("link"), entry ? `${fresh}, read ${old === null ? "never" : age(old)}` : "no rig yet");
  const several = order.length > 1;
  set(byId("stop-text"), several && entry ? `Stop ${short(entry.view)}` : "Stop");
  let all = byId("stop-all");
  if (several && !all) {
    all = el("button", { id: "stop-all", class: "stop all", type: "button", onclick: () => order.forEach(stop) }, "Stop all");
    byId("stop").after(all);
  } else if (!several) all?.remove();
}

const short = (view) => (view.device_id ?? view.port).slice(-4);

function tiles() {
  const nav = byId("rigs");
  nav.hidden = order.length < 2;
  if (nav.hidden) return;
  const known = order.filter((key) => rigs.has(key));
  if (nav.dataset.keys !== known.join()) {
    nav.dataset.keys = known.join();
    nav.replaceChildren(...known.map((key) => el("button", { class: "rig", type: "button", "data-key": key, onclick: () => choose(key) }, el("b"), el("small"), el("small", { class: "alarm" }))));
  }
  for (const tile of nav.children) {
    const entry = rigs.get(tile.dataset.key), view = entry.view, status = view.status;
    tile.setAttribute("aria-pressed", String(tile.dataset.key === chosen));
    const [name, line, alarm] = tile.children;
    set(name, view.device_id ?? view.port);
    const lost = view.lost ? `link lost since ${clock(view.lost.since_ms)}` : age(ageOf(entry) ?? 0);
    set(line, status ? `${status.state}, ${rate(status.rate_nl_per_h)}, ${lost}` : lost);
    set(alarm, status?.alarms.length ? status.alarms.map((row) => row.name.replaceAll("_", " ")).join(", ") : "");
  }
}

// --- stop

async function stop(key) {
  const button = byId("stop");
  button.dataset.sent = String(now());
  const told = await post(rigPath(key, "stop"), {}, { priority: "high", keepalive: true });
  if (told.ok) say(told.text);
  else say(told.status === 0 ? { ...told, error: "The stop did not reach the page's server.", not_done: "The pump runs on as far as this page knows.", next_step: "Press the stop button on the rig, or run: pumprig stop" } : told);
}
byId("stop").addEventListener("click", () => chosen && stop(chosen));
addEventListener("keydown", (event) => {
  if (event.key === "F8" && !event.repeat && chosen) { event.preventDefault(); stop(chosen); }
});

// --- tabs

const tabs = [...document.querySelectorAll("[role=tab]")];
function openTab(tab) {
  for (const other of tabs) {
    const is = other === tab;
    other.setAttribute("aria-selected", String(is));
    other.tabIndex = is ? 0 : -1;
    byId(other.getAttribute("aria-controls")).hidden = !is;
  }
  parts.find((part) => part.id === tab.getAttribute("aria-controls"))?.opened?.();
}
for (const tab of tabs) {
  tab.addEventListener("click", () => openTab(tab));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    openTab(next);
    next.focus();
  });
}

// --- begin

const rig = () => chosen;
parts.push(new Charts(byId("charts"), byId("spans"), byId("mark"), rig), new Doses(byId("doses"), rig), new ProgramTab(byId("program"), rig), new LogTab(byId("log"), rig), new CareTab(byId("care"), byId("key-form"), rig));
if (chosen) for (const part of parts) part.begin?.(chosen);

function begin() {
  if (typeof SharedWorker === "function") {
    try {
      const worker = new SharedWorker("stream.js", { type: "module" });
      worker.port.onmessage = ({ data }) => news(data);
      worker.port.postMessage({ token });
      addEventListener("pagehide", () => worker.port.postMessage("bye"));
      addEventListener("pageshow", (event) => event.persisted && worker.port.postMessage({ token }));
      worker.onerror = () => alone();
      return;
    } catch { /* a browser that has the name alone */ }
  }
  alone();
}
let source = null;
function alone() { // no shared worker: a tab that nobody sees gives its connection back
  const open = () => { source?.close(); source = document.hidden ? null : listen(token, news); };
  document.addEventListener("visibilitychange", open);
  open();
}
if (token) begin();
setInterval(draw, 500);
draw();
