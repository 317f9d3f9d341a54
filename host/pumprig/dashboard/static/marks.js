// What the charts of the page and of the report share: the axis of time, and events as marks. After uplot.js.
"use strict";
const chartParts = (() => {
  // [shortest distance of two labels in s, label, label where the year or the day begins anew]; always 24 h and ISO dates
  const day = "{YYYY}-{MM}-{DD}";
  const times = [
    [86400 * 365, "{YYYY}", null, null, null, null, null, null, 1],
    [86400 * 28, "{YYYY}-{MM}", null, null, null, null, null, null, 1],
    [86400, "{MM}-{DD}", "\n{YYYY}", null, null, null, null, null, 1],
    [60, "{HH}:{mm}", `\n${day}`, null, `\n${day}`, null, null, null, 1],
    [1, "{HH}:{mm}:{ss}", `\n${day}`, null, `\n${day}`, null, null, null, 1],
  ];
  const NEAR = 8; // px between the pointer and a mark

  function axes(unit, muted, line) {
    const common = { stroke: muted, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 }, font: "12px system-ui, sans-serif" };
    return [{ ...common, space: 70, values: times }, { ...common, size: 60, label: unit, labelSize: 18, labelFont: "12px system-ui, sans-serif", labelGap: 0 }];
  }

  // marks(): [{ t, style, ... }]; colourOf(style); told(the mark at the pointer, or null)
  function marksPlugin(marks, colourOf, told) {
    const near = (u, left) => {
      let best = null;
      for (const mark of marks()) {
        const off = Math.abs(u.valToPos(mark.t, "x") - left);
        if (off < NEAR && (!best || off < best[0])) best = [off, mark];
      }
      return best?.[1] ?? null;
    };
    return {
      hooks: {
        draw: (u) => {
          const { ctx, bbox } = u, ratio = devicePixelRatio;
          ctx.save();
          for (const mark of marks()) {
            if (mark.t < u.scales.x.min || mark.t > u.scales.x.max) continue;
            const x = u.valToPos(mark.t, "x", true);
            ctx.fillStyle = ctx.strokeStyle = colourOf(mark.style);
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
  return { axes, marksPlugin, stepped: uPlot.paths.stepped({ align: 1 }) };
})();
