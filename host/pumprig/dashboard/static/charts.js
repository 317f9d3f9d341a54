// The curves: rate asked and counted, reservoir with its uncertainty, pressure; events as marks. The server thins them.
import { get, rigPath } from "./api.js";
import { clock, duration, el, when } from "./format.js";

const SPANS = [[60, "1 min"], [600, "10 min"], [3600, "1 h"], [86400, "1 d"], [604800, "7 d"], [0, "all"]];
const LIVE_S = 3600; // up to this span points are added as they are read
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const digits = (value, unit) => (value === null || value === undefined ? "–" : `${Number(value.toPrecision(5))} ${unit}`);

const styled = (style) => colour(style === "alarm" ? "--red" : style === "refused" ? "--amber" : "--muted");
export const marksPlugin = (marks, told) => chartParts.marksPlugin(marks, styled, told);
export const axes = (unit) => chartParts.axes(unit, colour("--muted"), colour("--line"));
export const stepped = chartParts.stepped;

export class Charts {
  constructor(place, spans, mark, rig) {
    Object.assign(this, { place, mark, rig, id: "curves", span: Number(localStorage.getItem("pumprig-span") ?? 600), data: null, charts: [], asked: 0, at: 0 });
    for (const [s, text] of SPANS) spans.append(el("button", { type: "button", "data-s": s, "aria-pressed": String(s === this.span), onclick: () => this.choose(s, spans) }, text));
    new ResizeObserver(() => this.resize()).observe(place);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.build());
    setInterval(() => this.refresh(), 1000);
  }
  choose(span, spans) {
    this.span = span;
    localStorage.setItem("pumprig-span", span);
    for (const button of spans.children) button.setAttribute("aria-pressed", String(Number(button.dataset.s) === span));
    this.data = null;
    this.fetch();
  }
  begin() { this.data = null; this.place.replaceChildren(); this.charts = []; setTimeout(() => this.fetch()); }
  refresh() { // what the log has meanwhile; a live span only needs it for events and what was thinned
    const every = this.span && this.span <= LIVE_S ? 15_000 : 20_000;
    if (performance.now() - this.at > every && !document.hidden && !document.body.classList.contains("stale")) this.fetch();
  }
  async fetch() {
    const key = this.rig(), turn = ++this.asked;
    if (!key || key.startsWith("port-")) return;
    this.at = performance.now();
    const told = await get(rigPath(key, `curves?s=${this.span}`));
    if (turn !== this.asked || key !== this.rig()) return;
    if (!told.ok) { this.mark.textContent = told.error; return; }
    const kinds = Object.keys(this.data ?? {}).length;
    this.data = told;
    if (!this.charts.length || !kinds || (told.pressure[0].length > 0) !== this.charts.some((one) => one.kind === "pressure")) this.build();
    else this.update();
  }
  reading(view) {
    const s = view.status;
    if (this.data === null) { if (performance.now() - this.at > 2000) this.fetch(); return; }
    if (!s || view.lost || !this.span || this.span > LIVE_S) return;
    const t = s.clock.device ? Date.parse(s.clock.device) / 1000 : Date.now() / 1000;
    const { rate, reservoir, pressure } = this.data;
    if (rate[0].length && t <= rate[0].at(-1)) { // the rig's clock was put back: the server has the curves anew
      if (t < rate[0].at(-1) - 5 && performance.now() - this.at > 2000) this.fetch();
      return;
    }
    const add = (columns, values) => { values.forEach((value, i) => columns[i].push(value)); while (columns[0].length > 2 && columns[0][1] < t - this.span) columns.forEach((column) => column.shift()); };
    add(rate, [t, s.rate_nl_per_h === null ? null : s.rate_nl_per_h / 1000, s.counted_rate_nl_per_h === null ? null : s.counted_rate_nl_per_h / 1000]);
    if (s.reservoir_nl !== null) add(reservoir, [t, s.reservoir_nl / 1e6, Math.max(0, s.reservoir_nl - (s.reservoir_u_nl ?? 0)) / 1e6, (s.reservoir_nl + (s.reservoir_u_nl ?? 0)) / 1e6]);
    if (s.pressure_pa !== null && s.pressure_pa !== undefined) add(pressure, [t, s.pressure_pa / 1000]);
    this.update();
  }
  range() {
    const times = this.data.rate[0];
    const last = times.at(-1) ?? Date.now() / 1000;
    return this.span ? [last - this.span, last] : [times[0] ?? last - 60, last];
  }
  show(mark) { this.mark.textContent = mark ? `${when(mark.t * 1000)}:${clock(mark.t * 1000).slice(6)}  ${mark.text}` : ""; }
  build() {
    for (const { plot } of this.charts) plot.destroy();
    this.place.replaceChildren();
    this.charts = [];
    if (!this.data) return;
    const kinds = [["rate", "Rate", "µL/h", [{ label: "asked", stroke: colour("--asked"), width: 1.6, paths: stepped, points: { show: false } }, { label: "counted", stroke: colour("--counted"), width: 2, paths: stepped, spanGaps: true, points: { show: false } }]], ["reservoir", "Reservoir", "mL", [{ label: "by counting", stroke: colour("--counted"), width: 2, points: { show: false } }, { label: "− U", class: "quiet", stroke: "transparent", points: { show: false } }, { label: "+ U", class: "quiet", stroke: "transparent", points: { show: false } }]]];
    if (this.data.pressure[0].length) kinds.push(["pressure", "Pressure", "kPa", [{ label: "outlet, above the standing line", stroke: colour("--counted"), width: 2, points: { show: false } }]]);
    const phone = this.place.clientWidth < 500;
    for (const [kind, title, unit, series] of kinds) {
      const holder = el("div", { class: "chart", role: "img" });
      this.place.append(el("div", { class: "chart" }, el("h3", {}, title), holder));
      const plot = new uPlot({
        width: Math.max(240, this.place.clientWidth), height: kind === "rate" ? (phone ? 190 : 240) : phone ? 140 : 170,
        padding: [8, 34, 0, 0], cursor: { sync: { key: "pumprig" }, drag: { x: false, y: false } },
        legend: { live: true },
        scales: { x: { range: () => this.range() }, y: { range: (_u, low, high) => this.yRange(kind, low, high) } },
        axes: axes(unit),
        bands: kind === "reservoir" ? [{ series: [3, 2], fill: colour("--band") }] : [],
        series: [{ label: "time", value: (_u, t) => (t === null ? "–" : `${when(t * 1000)}:${clock(t * 1000).slice(6)}`) }, ...series.map((one) => ({ ...one, value: (u, value, _i, at) => (kind === "reservoir" && at !== null && value !== null ? `${digits(value, "")}± ${digits(u.data[3][at] - value, unit)}` : digits(value, unit)) }))],
        plugins: [marksPlugin(() => this.data.marks, (mark) => this.show(mark))],
      }, this.data[kind], holder);
      this.charts.push({ kind, title, unit, plot, holder });
    }
    this.tell();
  }
  yRange(kind, low, high) {
    if (low === null || high === null) return [0, 1];
    if (kind === "rate") return [0, (high || 1) * 1.15];
    const room = Math.max((high - low) * 0.15, kind === "reservoir" ? 0.05 : 0.5);
    return [kind === "reservoir" ? Math.max(0, low - room) : low - room, high + room]; // a line may be drawn below where it stood
  }
  update() {
    for (const { kind, plot } of this.charts) plot.setData(this.data[kind]);
    this.tell();
  }
  tell() { // what a screen reader says of a curve
    for (const { kind, title, unit, holder } of this.charts) {
      const [times, values, more] = this.data[kind];
      const known = values.filter((value) => value !== null);
      const span = times.length ? duration((times.at(-1) - times[0]) * 1000) : "";
      const text = known.length ? `${title} over ${span}: now ${digits(known.at(-1), unit)}${kind === "rate" ? ` asked, ${digits(more.findLast((value) => value !== null), unit)} counted` : ""}, lowest ${digits(Math.min(...known), unit)}, highest ${digits(Math.max(...known), unit)}` : `${title}: nothing is known yet`;
      holder.setAttribute("aria-label", text);
    }
  }
  resize() {
    const width = Math.max(240, this.place.clientWidth);
    for (const { plot } of this.charts) if (plot.width !== width) plot.setSize({ width, height: plot.height });
  }
}
