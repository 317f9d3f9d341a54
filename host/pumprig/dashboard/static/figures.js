// Every figure with its age, its uncertainty, and what was asked for beside what was given.
import { act } from "./api.js";
import { age, decimals, duration, el, rate, rateWithU, volume, volumeWithU, when } from "./format.js";
import { say } from "./say.js";

const WHY = { stopped: "stopped by a person", power: "without power", stalled: "the rotor did not follow", occluded: "taken back to relieve an occlusion", unexplained: "not explained by any record" };
const FLOWS = { single: "Bolus", demand: "Demand bolus", periodic: "Periodic bolus", spread: "Spread bolus", bridge: "Bridge", prime: "Priming", calibration: "Delivery onto a balance" };
function reason(row) {
  const name = row.name ?? row.because ?? "";
  const times = row.times > 1 ? ` (${row.times} times)` : "";
  const told = { alarm: `alarm ${name}`, missed: `periodic boluses missed${times}: ${name}`, cancelled: `rest of a cancelled ${name} bolus${times}`, refused: `requests refused${times}: ${name}` }[row.why] ?? WHY[row.why] ?? row.why;
  return told + (row.for_s ? `, for ${duration(row.for_s * 1000)}` : "") + (row.nl < 0 ? ": more than asked" : "");
}
const li = (...parts) => el("li", {}, ...parts);
const bold = (text) => el("b", {}, text);

function tile(id, title, value, rows, old) {
  return { id, title, value, rows: rows.filter(Boolean), old };
}

function tilesOf(view, old) {
  const s = view.status, u = view.u_ppm;
  const withU = (nl) => volumeWithU(nl, u === null || nl === null ? null : Math.ceil((Math.abs(nl) * u) / 1e6));
  const therapy = s.therapy.hash ? [li(bold(s.therapy.name), ` (${s.therapy.mode})`), li("hash ", s.therapy.hash)] : [li("no program loaded")];
  if (s.waiting) therapy.push(li("a program waits, begins ", bold(when(s.waiting.begins_at))));
  const tiles = [
    tile("state", "State", [el("span", { class: `state-${s.state}` }, s.state)], therapy, old),
    tile("rate", "Rate", [rate(s.rate_nl_per_h), el("small", {}, " asked")], [li("counted ", bold(rateWithU(s.counted_rate_nl_per_h, u)), ", mean of 1 to 2 min")], old),
  ];
  if (s.bolus) {
    const part = s.bolus.requested_nl ? s.bolus.delivered_nl / s.bolus.requested_nl : 0;
    tiles.push(tile("bolus", `${FLOWS[s.bolus.kind] ?? "Bolus"} under way`, [volume(s.bolus.delivered_nl), el("small", {}, ` of ${volume(s.bolus.requested_nl)}`)], [li(el("progress", { value: part.toFixed(3), max: "1", "aria-label": "bolus" }))], old));
  }
  tiles.push(
    tile("delivered", "Delivered, counted", [withU(s.delivered_nl)], [li("commanded ", bold(volume(s.commanded_nl))), li("since the rig's first start")], old),
    tile("reservoir", "Reservoir", [volumeWithU(s.reservoir_nl, s.reservoir_u_nl)], [li("refill due ", bold(s.refill_due_at ? when(s.refill_due_at) : "not known, nothing flows")), s.reservoir_empty_at ? li("empty ", bold(when(s.reservoir_empty_at))) : null], old),
  );
  for (const [name, title] of [["day", "Last 24 h"], ["log", "Whole log"]]) {
    const sum = view.account?.[name];
    const aged = view.account ? Date.now() - view.account.read_ms : null;
    if (!sum) { tiles.push(tile(name, title, ["…"], [li("the log is being read")], null)); continue; }
    const missing = sum.not_given.reduce((all, row) => all + row.nl, 0);
    tiles.push(tile(name, title, [volumeWithU(sum.delivered_nl, sum.u_nl), el("small", {}, " given")], [
      li("asked ", bold(sum.asked_nl === null ? "not known" : volume(sum.asked_nl)), ...(missing < 0 ? [", given more ", bold(volume(-missing))] : [", not given ", bold(volume(missing))])),
      ...sum.not_given.slice(0, 3).map((row) => li(`${volume(row.nl)} ${reason(row)}`)),
      sum.not_given.length > 3 ? li(`and ${sum.not_given.length - 3} more reasons, in the report`) : null,
      sum.unknown_steps ? li(`besides, ${sum.unknown_steps} steps whose volume is not known`) : null,
    ], aged));
  }
  const offset = s.clock.offset_s;
  tiles.push(tile("health", "Rig", [`calibration ${s.calibration_id ?? "none"}`], [
    li("clock ", bold(offset === null ? "never set" : `${decimals(offset, 1).replace(/^(?!-)/, "+")} s`), " against this computer"),
    li("battery ", bold(`${s.battery.percent} %`), " (model), tube ", bold(`${s.tube.revolutions}`), ` of ${s.tube.life_revolutions} turns`),
    s.pressure_pa === null || s.pressure_pa === undefined ? null : li("outlet ", bold(`${decimals(s.pressure_pa / 1000, 1)} kPa`), " above the standing line"),
    view.trouble ? li(el("span", { class: "warn" }, view.trouble)) : null,
  ], old));
  return tiles;
}

export function figures(place, view, old) {
  const tiles = view?.status ? tilesOf(view, old) : [];
  const ids = tiles.map((one) => one.id).join();
  if (place.dataset.ids !== ids) {
    place.dataset.ids = ids;
    place.replaceChildren(...tiles.map((one) => el("div", { class: "figure", id: `figure-${one.id}` }, el("h3", {}, el("span"), el("span", { class: "age" })), el("div", { class: "value" }), el("ul"))));
  }
  tiles.forEach((one, i) => {
    const [head, value, list] = place.children[i].children;
    if (head.firstChild.textContent !== one.title) head.firstChild.textContent = one.title;
    head.lastChild.textContent = one.old === null ? "" : age(one.old);
    put(value, one.value);
    put(list, one.rows);
  });
}
function put(node, children) { // only what changed, so that a selection or a screen reader's place is not lost
  const fresh = el("div", {}, ...children);
  if (fresh.innerHTML !== node.innerHTML) node.replaceChildren(...fresh.childNodes);
}

export function alarms(place, view, key) {
  const rows = view?.status?.alarms ?? [];
  const text = JSON.stringify([rows, key]);
  if (place.dataset.text === text) return;
  place.dataset.text = text;
  place.hidden = rows.length === 0;
  if (!rows.length) { place.replaceChildren(); return; }
  const go = async (verb) => { const told = await act(key, verb); say(told.ok ? told.text : told); };
  place.replaceChildren(
    ...rows.map((row) => el("div", { class: `alarm ${row.priority}`, role: row.priority === "high" ? "alert" : null }, el("b", {}, row.name.replaceAll("_", " ")), el("span", {}, row.text), el("small", {}, `${row.priority} priority, since ${when(row.since)}${row.acknowledged ? ", acknowledged" : ""}`))),
    el("div", { class: "buttons" }, el("button", { type: "button", onclick: () => go("acknowledge") }, "Acknowledge"), el("button", { type: "button", onclick: () => go("silence") }, "Silence for 2 min")),
  );
}
