// Bars over categories: side by side, or with `stack` the second series downwards.
"use strict";

simmm.register("bars", (figure, plot, spec) => {
  const head = simmm.element("div", "panel-head");
  const canvas = simmm.element("div", "svg");
  const readout = simmm.element("div", "readout below");
  plot.append(head, canvas, readout);
  for (const one of spec.series) one.mark = "box";
  simmm.legend(head, spec.series, redraw);
  const count = spec.labels.length;
  const height = 200, top = 8, bottom = 34;
  let left = 38, width = 300;
  const text = (v) => spec.percent ? `${simmm.number(100 * v, 1)} %` : simmm.number(v, spec.decimals || 0);

  function redraw() {
    width = Math.max(220, plot.clientWidth);
    const shown = spec.series.filter((one) => one.on !== false);
    const most = (k) => Math.max(0, ...spec.series[k].y);
    const down = spec.stack && spec.series.length > 1 && spec.series[1].on !== false;
    let high = spec.stack ? most(0) : Math.max(0, ...shown.flatMap((one) => one.y));
    let low = down ? -most(1) : spec.stack ? 0 : Math.min(0, ...shown.flatMap((one) => one.y));
    if (!(high > low)) high = 1;
    high *= 1.04; low *= 1.04;
    const all = simmm.ticks(low, high, 4);
    const ticks = all.filter((v) => spec.percent || spec.decimals || Number.isInteger(v));
    ticks.step = all.step;
    const Y = (v) => top + (height - top - bottom) * (1 - (v - low) / (high - low));
    const out = [`<svg width="${width}" height="${height}" role="img" aria-label="bars">`];
    for (const v of ticks) {
      const y = Math.round(Y(v)) + 0.5;
      const label = spec.percent ? `${simmm.number(100 * v, 100 * ticks.step < 1 ? 1 : 0)} %`
        : spec.decimals ? simmm.tickText(v, ticks.step) : simmm.number(Math.abs(v), 0);
      out.push(`<line x1="${left}" x2="${width}" y1="${y}" y2="${y}" class="${v === 0 ? "axis" : "grid"}"/>`,
        `<text x="${left - 5}" y="${y + 4}" class="end">${label}</text>`);
    }
    const slot = (width - left) / Math.max(1, count);
    const beside = spec.stack ? 1 : Math.max(1, shown.length);
    const bar = Math.max(1, (slot * 0.78) / beside);
    shown.forEach((one, s) => {
      const sign = spec.stack && one === spec.series[1] ? -1 : 1;
      const before = spec.stack ? 0 : s * bar;
      const path = one.y.map((v, k) => {
        if (!v) return "";
        const x = left + k * slot + slot * 0.11 + before, y = Y(Math.max(0, sign * v));
        return `M${x.toFixed(1)} ${y.toFixed(1)}h${(bar * 0.94).toFixed(1)}V${Y(Math.min(0, sign * v)).toFixed(1)}H${x.toFixed(1)}Z`;
      });
      out.push(`<path d="${path.join("")}" style="fill:var(--${one.colour})"/>`);
    });
    const longest = Math.max(...spec.labels.map((label) => label.length), 1);
    const room = longest * 6.4;
    let reached = -Infinity;
    spec.labels.forEach((label, k) => {
      const x = left + (k + 0.5) * slot;
      if (x - room / 2 < reached || x + label.length * 3.2 > width + 2) return;
      reached = x + room / 2 + 4;
      out.push(`<text x="${x.toFixed(1)}" y="${height - bottom + 15}" class="middle">${simmm.escape(label)}</text>`);
    });
    out.push(`<text x="${(left + width) / 2}" y="${height - 3}" class="middle">${simmm.escape(spec.axis || "")}</text>`);
    canvas.innerHTML = out.join("") + "</svg>";
  }

  canvas.addEventListener("pointermove", (event) => {
    const x = event.clientX - canvas.getBoundingClientRect().left;
    const k = Math.max(0, Math.min(count - 1, Math.floor(((x - left) * count) / (width - left))));
    readout.textContent = `${spec.labels[k]}: ` + spec.series.filter((one) => one.on !== false)
      .map((one) => `${one.name} ${text(one.y[k])}`).join(" · ");
  });
  canvas.addEventListener("pointerleave", () => { readout.textContent = ""; });
  redraw();
  return {
    redraw,
    csv: () => [{
      label: "CSV", columns: ["place", ...spec.series.map((one) => one.name)],
      rows: spec.labels.map((label, k) => [label, ...spec.series.map((one) => one.y[k])]),
    }],
  };
});
