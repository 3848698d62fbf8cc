// Points over an axis of named places, with intervals and level lines: markouts.
"use strict";

simmm.register("curve", (figure, plot, spec) => {
  const head = simmm.element("div", "panel-head");
  const canvas = simmm.element("div", "svg");
  const readout = simmm.element("div", "readout below");
  plot.append(head, canvas, readout);
  simmm.legend(head, spec.series, redraw);
  const count = spec.labels.length;
  const height = 250, top = 8, bottom = 34;
  let left = 44, width = 300;
  const place = (k) => left + 16 + (k * (width - left - 36)) / Math.max(1, count - 1);

  function redraw() {
    width = Math.max(240, plot.clientWidth);
    const shown = spec.series.filter((one) => one.on !== false);
    let low = spec.zero ? 0 : Infinity, high = spec.zero ? 0 : -Infinity;
    const take = (v) => { if (v !== null) { low = Math.min(low, v); high = Math.max(high, v); } };
    for (const one of shown) one.y.forEach(take);
    for (const level of spec.levels || []) take(level.y);
    // Intervals may be far wider than the curves: they are shown as far as curves stay readable.
    const reach = Math.max(high - low, 1e-9);
    let wide = [low, high];
    for (const one of shown) {
      for (const v of [...one.lo, ...one.hi]) {
        if (v !== null) wide = [Math.min(wide[0], v), Math.max(wide[1], v)];
      }
    }
    low = Math.max(wide[0], low - reach * 0.6);
    high = Math.min(wide[1], high + reach * 0.6);
    if (!(high > low)) { low -= 1; high += 1; }
    const room = (high - low) * 0.05;
    low -= room; high += room;
    const ticks = simmm.ticks(low, high, 6);
    const Y = (v) => top + (height - top - bottom) * (1 - (v - low) / (high - low));
    const held = (v) => Math.max(top, Math.min(height - bottom, Y(v))).toFixed(1);
    const out = [`<svg width="${width}" height="${height}" role="img" aria-label="curve">`];
    for (const v of ticks) {
      const y = Math.round(Y(v)) + 0.5;
      out.push(`<line x1="${left}" x2="${width}" y1="${y}" y2="${y}" class="${v === 0 ? "axis" : "grid"}"/>`,
        `<text x="${left - 6}" y="${y + 4}" class="end">${simmm.tickText(v, ticks.step)}</text>`);
    }
    const every = Math.ceil((count * 46) / Math.max(1, width - left));
    spec.labels.forEach((label, k) => {
      if (k % every) return;
      out.push(`<text x="${place(k).toFixed(1)}" y="${height - bottom + 16}" class="middle">${simmm.escape(label)}</text>`);
    });
    out.push(`<text x="${(left + width) / 2}" y="${height - 3}" class="middle">${simmm.escape(spec.axis || "")}</text>`);
    for (const level of spec.levels || []) {
      const y = Y(level.y).toFixed(1);
      out.push(`<line x1="${left}" x2="${width}" y1="${y}" y2="${y}" class="level"/>`,
        `<text x="${width - 2}" y="${y - 5}" class="end">${simmm.escape(level.name)}</text>`);
    }
    for (const one of shown) {
      const stroke = `var(--${one.colour})`;
      const ends = spec.labels.map((_, k) => k).filter((k) => one.lo[k] !== null && one.hi[k] !== null);
      if (ends.length > 1) {
        const path = ends.map((k) => `${place(k).toFixed(1)},${held(one.hi[k])}`)
          .concat(ends.slice().reverse().map((k) => `${place(k).toFixed(1)},${held(one.lo[k])}`));
        out.push(`<polygon points="${path.join(" ")}" style="fill:${stroke};opacity:.1"/>`);
      }
      const points = spec.labels.map((_, k) => k).filter((k) => one.y[k] !== null);
      out.push(`<polyline points="${points.map((k) => `${place(k).toFixed(1)},${held(one.y[k])}`).join(" ")}" ` +
        `style="fill:none;stroke:${stroke};stroke-width:2"/>`);
      for (const k of points) {
        out.push(`<circle cx="${place(k).toFixed(1)}" cy="${held(one.y[k])}" r="3" style="fill:${stroke}"/>`);
      }
    }
    canvas.innerHTML = out.join("") + "</svg>";
  }

  canvas.addEventListener("pointermove", (event) => {
    const x = event.clientX - canvas.getBoundingClientRect().left;
    const k = Math.max(0, Math.min(count - 1, Math.round(((x - left - 16) * (count - 1)) / (width - left - 36))));
    const d = spec.decimals ?? 2;
    readout.textContent = `${spec.labels[k]}: ` + spec.series.filter((one) => one.on !== false && one.y[k] !== null)
      .map((one) => `${one.name} ${simmm.number(one.y[k], d, true)}` + (one.lo[k] === null ? ""
        : ` (${simmm.number(one.lo[k], d, true)} to ${simmm.number(one.hi[k], d, true)})`)).join(" · ");
  });
  canvas.addEventListener("pointerleave", () => { readout.textContent = ""; });
  redraw();
  return {
    redraw,
    csv: () => [{
      label: "CSV", columns: ["series", "place", spec.unit || "value", "low", "high"],
      rows: spec.series.flatMap((one) => spec.labels.map((label, k) => [one.name, label, one.y[k], one.lo[k], one.hi[k]])),
    }],
  };
});
