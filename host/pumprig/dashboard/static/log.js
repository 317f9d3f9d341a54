// The log in words, newest first.
import { get, rigPath } from "./api.js";
import { el, when, clock } from "./format.js";

export class LogTab {
  constructor(place, rig) {
    Object.assign(this, { place, rig, id: "log", newest: 0, key: null, busy: false });
    this.rows = el("tbody");
    place.append(el("h2", {}, "Log"), el("p", {}, "What the rig wrote down, pulled and verified here, newest first. ", el("code", {}, "pumprig report"), " has all of it."), el("div", { class: "log-table", tabindex: "0", role: "region", "aria-label": "Records" }, el("table", {}, el("thead", {}, el("tr", {}, el("th", {}, "no."), el("th", {}, "time"), el("th", {}, "what"))), this.rows)));
  }
  begin() { this.newest = 0; this.key = null; this.rows.replaceChildren(); if (!this.place.hidden) this.fetch(); }
  opened() { this.fetch(); }
  reading(view) { if (!this.place.hidden && view.log_end > this.newest) this.fetch(); }
  async fetch() {
    const key = this.rig();
    if (this.busy || !key || key.startsWith("port-")) return;
    this.busy = true;
    const told = await get(rigPath(key, `log?after=${this.newest}`));
    this.busy = false;
    if (!told.ok || key !== this.rig()) return;
    this.newest = told.newest;
    this.rows.prepend(...told.rows.map((row) => el("tr", { class: row.style || null }, el("td", { class: "number" }, String(row.number)), el("td", { class: "when" }, row.at ? `${when(row.at)}:${clock(row.at).slice(6)}` : "no time"), el("td", {}, row.text))));
    while (this.rows.children.length > 500) this.rows.lastChild.remove();
  }
}
