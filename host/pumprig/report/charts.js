// The report's charts, drawn by uPlot, which stands in this file: drag to look closer, double-click for the whole.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const blue = "#1f6f9f", orange = "#b85c00", red = "#b83a3a", muted = "#51606e", line = "#dfe5ea";
  const date = uPlot.fmtDate("{YYYY}-{MM}-{DD} {HH}:{mm}:{ss}");
  const utc = (ts) => uPlot.tzDate(new Date(ts * 1e3), "Etc/UTC");
  const figure = (value, unit) => (value === null || value === undefined ? "–" : `${Number(value.toPrecision(5))} ${unit}`);
  const time = { label: "UTC", value: (_u, t) => (t === null ? "–" : date(utc(t))) };
  const plots = [];
  const quiet = (label) => ({ label, class: "quiet", stroke: "transparent", points: { show: false }, spanGaps: true });
  const mark = document.getElementById("mark");
  const styled = (style) => (style === "alarm" ? red : style ? orange : muted);
  const marks = chartParts.marksPlugin(() => data.marks, styled, (row) => { mark.textContent = row ? `${date(utc(row.t))} UTC: ${row.text}` : ""; });

  function chart(id, height, unit, series, columns, more = {}) {
    const holder = document.getElementById(id);
    if (!holder || !columns[0].length) return;
    const plot = new uPlot({
      width: holder.clientWidth, height, tzDate: utc, padding: [8, 34, 0, 0],
      cursor: { sync: { key: "report", setSeries: false }, drag: { x: true, y: false } },
      scales: { x: {}, y: { range: (_u, low, high) => (more.range ? more.range(low, high) : [Math.min(0, low ?? 0), (high || 1) * 1.12]) } },
      axes: chartParts.axes(unit, muted, line),
      series: [time, ...series], bands: more.bands ?? [], plugins: [...(more.plain ? [] : [marks]), ...(more.plugins ?? [])],
    }, columns, holder);
    plots.push({ plot, holder });
  }
  const fmt = (unit) => (_u, value) => figure(value, unit);
  const d = data.delivered;
  chart("chart-delivered", 260, d.unit, [
    { label: "asked", stroke: orange, width: 1.6, dash: [6, 4], spanGaps: true, points: { show: false }, value: fmt(d.unit) },
    { label: "given", stroke: blue, width: 2, spanGaps: true, points: { show: false }, value: (u, v, _i, at) => (v === null || at === null ? "–" : `${figure(v, "")}± ${figure(u.data[4][at] - v, d.unit)}`) },
    quiet("− U"), quiet("+ U"),
  ], d.columns, { bands: [{ series: [4, 3], fill: "rgb(31 111 159 / .2)" }] });
  chart("chart-rate", 240, "µL/h", [
    { label: "asked, exact", stroke: orange, width: 1.6, paths: chartParts.stepped, points: { show: false }, value: fmt("µL/h") },
    { label: "counted, mean between points", stroke: blue, width: 1.6, paths: chartParts.stepped, spanGaps: true, points: { show: false }, value: fmt("µL/h") },
  ], data.rate);
  const low = data.low_ml;
  chart("chart-reservoir", 220, "mL", [
    { label: "by counting", stroke: blue, width: 2, points: { show: false }, value: (u, v, _i, at) => (v === null || at === null ? "–" : `${figure(v, "")}± ${figure(u.data[3][at] - v, "mL")}`) },
    quiet("− U"), quiet("+ U"),
  ], data.reservoir, {
    bands: [{ series: [3, 2], fill: "rgb(31 111 159 / .2)" }],
    range: (_low, high) => [0, (high || 1) * 1.12],
    plugins: low === null ? [] : [{ hooks: { draw: (u) => {
      const y = u.valToPos(low, "y", true), { ctx, bbox } = u;
      ctx.save(); ctx.strokeStyle = ctx.fillStyle = red; ctx.setLineDash([3, 4]); ctx.beginPath(); ctx.moveTo(bbox.left, y); ctx.lineTo(bbox.left + bbox.width, y); ctx.stroke();
      ctx.font = `${12 * devicePixelRatio}px system-ui, sans-serif`; ctx.textAlign = "right"; ctx.fillText("low alert", bbox.left + bbox.width - 4, y - 5 * devicePixelRatio); ctx.restore();
    } } }],
  });
  const k = data.kinds;
  const sums = k.kinds.map((_one, i) => k.times.map((_t, at) => k.kinds.slice(0, i + 1).reduce((sum, one) => sum + one.values[at], 0)));
  const width = k.every === "hour" ? 3600 : 86400;
  chart("chart-kinds", 220, k.unit, k.kinds.map((one, i) => ({ label: one.name, stroke: one.colour, fill: one.colour, width: 0, paths: uPlot.paths.bars({ size: [0.85, 90], align: 1, radius: 0.05 }), points: { show: false }, value: (_u, _v, _i, at) => (at === null ? "–" : figure(one.values[at], k.unit)) })).reverse(), [k.times, ...sums.reverse()], {
    plain: true,
    plugins: [{ hooks: { init: (u) => { u.setScale("x", { min: k.times[0], max: k.times.at(-1) + width }); } } }],
  });

  const resize = () => { for (const { plot, holder } of plots) if (holder.clientWidth && plot.width !== holder.clientWidth) plot.setSize({ width: holder.clientWidth, height: plot.height }); };
  new ResizeObserver(resize).observe(document.querySelector("main"));
  addEventListener("beforeprint", () => { for (const { plot } of plots) plot.setSize({ width: 660, height: plot.height }); });
  addEventListener("afterprint", resize);
})();
