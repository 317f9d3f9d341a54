// Programming: the text with its faults at their lines, seven days drawn, old beside new, commit by hash.
import { act, get, post, rigPath } from "./api.js";
import { axes, colour, marksPlugin, stepped } from "./charts.js";
import { el, volume } from "./format.js";
import { say } from "./say.js";

const CHECK_MS = 350;

export class ProgramTab {
  constructor(place, rig) {
    Object.assign(this, { place, rig, id: "program", loaded: null, plan: null, timer: 0, turn: 0, lines: new Set(), plots: [] });
    this.text = el("textarea", { id: "program-text", spellcheck: "false", autocomplete: "off", autocapitalize: "off", wrap: "off", "aria-describedby": "program-faults" });
    this.gutter = el("div", { class: "gutter", "aria-hidden": "true" });
    this.faults = el("div", { id: "program-faults", "aria-live": "polite" });
    this.result = el("div", { id: "program-result" });
    this.review = el("button", { class: "act first", type: "button", onclick: () => this.propose() }, "Review …");
    const file = el("input", { type: "file", accept: ".toml,text/plain", id: "program-file", hidden: true });
    file.addEventListener("change", async () => { if (file.files[0]) { this.text.value = await file.files[0].text(); file.value = ""; this.edited(); } });
    place.append(
      el("h2", { class: "hidden" }, "Program"),
      el("div", { class: "row" }, el("button", { class: "act", type: "button", onclick: () => this.load(true) }, "Take the rig's"), el("button", { class: "act", type: "button", onclick: () => file.click() }, "Open a file …"), file, el("button", { class: "act", type: "button", onclick: () => this.save() }, "Save as a file")),
      el("p", {}, el("label", { for: "program-text" }, "Program, as TOML. Nothing is sent before you review it, and nothing is in force before you commit it.")),
      el("div", { class: "editor" }, this.gutter, this.text), this.faults, el("div", { class: "row" }, this.review), this.result,
    );
    this.text.addEventListener("input", () => this.edited());
    this.text.addEventListener("scroll", () => { this.gutter.scrollTop = this.text.scrollTop; });
    new ResizeObserver(() => this.resize()).observe(place);
    this.number();
  }
  begin() { this.loaded = null; this.forget(); if (!this.place.hidden) this.load(); }
  opened() { if (this.loaded !== this.rig()) this.load(); else this.resize(); }
  async load(anew = false) {
    const key = this.rig();
    if (!key) return;
    const told = await get(rigPath(key, "program"));
    if (key !== this.rig()) return;
    if (!told.ok) { say(told); return; }
    this.loaded = key;
    if (anew || !this.text.value || this.text.value === this.theirs) this.text.value = told.toml ?? "";
    this.theirs = told.toml ?? "";
    this.edited();
  }
  save() {
    const link = el("a", { href: URL.createObjectURL(new Blob([this.text.value], { type: "text/plain" })), download: "program.toml" });
    link.click();
    URL.revokeObjectURL(link.href);
  }
  forget() { this.plan = null; this.clear(); }
  clear() { for (const plot of this.plots) plot.destroy(); this.plots = []; this.result.replaceChildren(); }
  edited() {
    this.number();
    this.forget();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.check(), CHECK_MS);
  }
  number() {
    const count = this.text.value.split("\n").length;
    this.gutter.replaceChildren(...Array.from({ length: count }, (_none, i) => (this.lines.has(i + 1) ? el("b", {}, `▸${i + 1}\n`) : `${i + 1}\n`)), "\n\n\n");
    this.gutter.scrollTop = this.text.scrollTop;
  }
  async check() {
    const turn = ++this.turn;
    if (!this.text.value.trim()) { this.faults.replaceChildren(); return; }
    const told = await post("/api/check", { text: this.text.value });
    if (turn !== this.turn) return;
    if (!told.ok) { say(told); return; }
    this.lines = new Set(told.faults.map((fault) => fault.line));
    this.number();
    this.text.setAttribute("aria-invalid", String(told.faults.length > 0));
    this.review.disabled = told.faults.length > 0;
    if (told.faults.length) {
      this.clear();
      this.faults.replaceChildren(el("ul", { class: "faults" }, ...told.faults.map((fault) => el("li", {}, el("button", { type: "button", onclick: () => this.go(fault.line) }, fault.line ? `line ${fault.line}: ${fault.text}` : fault.text)))));
      return;
    }
    this.faults.replaceChildren(el("p", { class: "good" }, `${told.name}: no faults.`), ...told.warnings.map((row) => el("p", { class: "warn" }, `${row.key}: ${row.text}`)));
    if (!this.plan) { this.clear(); this.week(told.week, null); }
  }
  go(line) {
    if (!line) return;
    const before = this.text.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    this.text.focus();
    this.text.setSelectionRange(before, before + this.text.value.split("\n")[line - 1].length);
    this.text.scrollTop = (line - 5) * this.text.scrollHeight / this.text.value.split("\n").length;
  }
  week(fresh, old) {
    const holder = el("div", { class: "chart", role: "img", "aria-label": `Seven days: ${fresh.days_ul.map((ul, i) => `day ${i + 1} ${volume(ul * 1000)}`).join(", ")}` });
    this.result.append(el("h3", {}, old ? "The coming seven days, now and new" : "The coming seven days"), holder);
    const tables = [[fresh.times, fresh.rates], ...(old ? [[old.times, old.rates]] : [])];
    const marks = fresh.boluses.map(([t, ul]) => ({ t, style: "", text: `periodic bolus ${volume(ul * 1000)}` }));
    const first = { label: old ? "new" : "base rate", stroke: colour("--counted"), width: 2, paths: stepped, points: { show: false }, spanGaps: true, value: (_u, v) => (v === null ? "–" : `${Number(v.toPrecision(4))} µL/h`) };
    const data = uPlot.join(tables);
    const held = (column) => { let last = null; return column.map((value) => (last = value ?? last)); };
    const plot = new uPlot({
      width: Math.max(240, this.result.clientWidth), height: 190, padding: [8, 34, 0, 0], cursor: { drag: { x: false, y: false } }, axes: axes("µL/h"),
      scales: { y: { range: (_u, _low, high) => [0, (high || 1) * 1.2] } },
      series: [{ label: "time" }, first, ...(old ? [{ ...first, label: "now", stroke: colour("--old"), dash: [5, 4], width: 1.5 }] : [])],
      plugins: [marksPlugin(() => marks)],
    }, [data[0], ...data.slice(1).map(held)], holder);
    this.plots.push(plot);
    this.result.append(el("p", {}, `A day: ${fresh.days_ul.map((ul) => (ul / 1000).toFixed(3)).join(", ")} mL. Small marks on top are periodic boluses.`));
  }
  async propose() {
    const key = this.rig();
    this.review.disabled = true;
    const told = await act(key, "propose", { text: this.text.value });
    this.review.disabled = false;
    if (key !== this.rig()) { if (told.ok) act(key, "discard", { plan: told.plan }); return; }
    if (!told.ok) { say(told); if (told.faults) this.check(); return; }
    this.plan = told;
    this.clear();
    const override = el("input", { type: "checkbox", id: "override" });
    const commit = el("button", { class: "act first", type: "button", id: "commit", onclick: () => this.commit(key, override.checked) }, `Commit ${told.hash}`);
    this.result.append(
      el("h3", {}, `${told.name}: the rig has read it back. It is not yet in force.`),
      el("div", { class: "scroll" }, el("table", {}, el("thead", {}, el("tr", {}, el("th", {}, "setting"), el("th", {}, "now"), el("th", {}, "new"))), el("tbody", {}, ...told.rows.map((row) => el("tr", { class: row.differs ? "differs" : null }, el("td", {}, row.name), el("td", {}, row.now), el("td", {}, row.new)))))),
      ...told.warnings.map((text) => el("p", { class: "warn" }, text)),
    );
    this.week(told.week, told.week_now);
    this.result.append(
      ...(told.beyond_soft ? [el("div", { class: "field check" }, override, el("label", { for: "override" }, "go beyond the soft limit; this is logged"))] : []),
      el("div", { class: "row" }, commit, el("button", { class: "act", type: "button", onclick: () => this.discard(key) }, "Give it up")),
    );
    commit.focus();
  }
  async commit(key, override) {
    const plan = this.plan;
    const told = await act(key, "commit", { plan: plan.plan, hash: plan.hash, override });
    say(told.ok ? told.text : told);
    if (told.ok) { this.forget(); this.theirs = this.text.value; this.check(); }
    else if (told.rule === "changed") this.forget();
  }
  async discard(key) {
    const told = await act(key, "discard", { plan: this.plan.plan });
    say(told.ok ? told.text : told);
    this.forget();
    this.check();
  }
  resize() { for (const plot of this.plots) if (this.result.clientWidth) plot.setSize({ width: Math.max(240, this.result.clientWidth), height: 190 }); }
}
