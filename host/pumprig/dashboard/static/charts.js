// The curves: rate asked and counted, reservoir with its uncertainty, pressure; events as marks. The server thins them.
import { get, rigPath } from "./api.js";
import { clock, duration, el, when } from "./format.js";

const SPANS = [[60, "1 min"], [600, "10 min"], [3600, "1 h"], [86400, "1 d"], [604800, "7 d"], [0, "all"]];
const LIVE_S = 3600; // up to this span points are added as they are read
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const digits = (value, unit) => (value === null || value === undefined ? "–" : `${Number(value.toPrecision(5))} ${unit}`);

export function marksPlugin(marks, told) {
  const near = (u, left) => {
    let best = null;
    for (const mark of marks()) {
      const x = u.valToPos(mark.t, "x");
      if (Math.abs(x - left) < 8 && (!best || Math.abs(x - left) < best[0])) best = [Math.abs(x - left), mark];
    }
    return best?.[1];
  };
  return {
    hooks: {
      draw: (u) => {
        const { ctx, bbox } = u, ratio = devicePixelRatio;
        ctx.save();
        for (const mark of marks()) {
          if (mark.t < u.scales.x.min || mark.t > u.scales.x.max) continue;
          const x = u.valToPos(mark.t, "x", true);
          ctx.fillStyle = ctx.strokeStyle = colour(mark.style === "alarm" ? "--red" : mark.style === "refused" ? "--amber" : "--muted");
          ctx.globalAlpha = mark.style ? 0.8 : 0.35;
          ctx.beginPath();
          ctx.moveTo(x, bbox.top);
          ctx.lineTo(x, bbox.top + (mark.style ? bbox.height : 9 * ratio));
          ctx.lineWidth = ratio;
          ctx.stroke();
          ctx.globalAlpha = 1;
          ctx.beginPath();
          ctx.moveTo(x - 4 * ratio, bbox.top);
          ctx.lineTo(x + 4 * ratio, bbox.top);
          ctx.lineTo(x, bbox.top + 6 * ratio);
          ctx.fill();
        }
        ctx.restore();
      },
      setCursor: (u) => told?.(u.cursor.left < 0 ? null : near(u, u.cursor.left)),
    },
  };
}

// [shortest distance of two labels in s, label, label where the year or the day begins anew]; always 24 h and ISO dates
const DAY = "{YYYY}-{MM}-{DD}";
const times = [
  [86400 * 365, "{YYYY}", null, null, null, null, null, null, 1],
  [86400 * 28, "{YYYY}-{MM}", null, null, null, null, null, null, 1],
  [86400, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
  [60, "{HH}:{mm}", `\n${DAY}`, null, `\n${DAY}`, null, null, null, 1],
  [1, "{HH}:{mm}:{ss}", `\n${DAY}`, null, `\n${DAY}`, null, null, null, 1],
];

export function axes(unit) {
  const common = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
  return [{ ...common, space: 70, values: times }, { ...common, size: 58, label: unit, labelSize: 18, labelFont: "12px system-ui, sans-serif", labelGap: 0 }];
}
export const stepped = uPlot.paths.stepped({ align: 1 });

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
    const kinds = [["rate", "Rate", "µL/h", [{ label: "asked", stroke: colour("--asked"), width: 1.6, paths: stepped, points: { show: false } }, { label: "counted", stroke: colour("--counted"), width: 2, spanGaps: true, points: { show: false } }]], ["reservoir", "Reservoir", "mL", [{ label: "by counting", stroke: colour("--counted"), width: 2, points: { show: false } }, { label: "− U", class: "quiet", stroke: "transparent", points: { show: false } }, { label: "+ U", class: "quiet", stroke: "transparent", points: { show: false } }]]];
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
