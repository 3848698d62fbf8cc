// One panel of a time chart: lines, steps, bands and fills on a canvas, thinned to its pixels.
"use strict";

const FLAGS = [[1, "crossed: assumed, no print"], [2, "traded through"], [4, "level unseen at join"],
  [8, "taker"], [16, "stale mid"], [32, "late row"]];
const BOUGHT = 128;
const FONT = "11px system-ui, sans-serif";

// Index of the last x at or before `at`; -1 if all are later.
function before(x, at) {
  let low = 0, high = x.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x[middle] <= at) low = middle + 1; else high = middle;
  }
  return low - 1;
}

function decoded(series) {
  const found = { ...series };
  for (const key of ["x", "y", "lo", "hi", "low", "high", "px", "marks", "size", "ahead", "wait",
    "edge", "edge5"]) {
    if (series[key]) found[key] = simmm.column(series[key]);
  }
  found.lo = found.lo || found.y;
  found.hi = found.hi || found.y;
  found.mark = found.style === "band" ? (found.y ? "box" : "band") : found.dash ? "dash" : "line";
  return found;
}

simmm.panel = (stack, spec, chart, first, last, changed) => {
  const series = spec.series.map(decoded);
  const fills = series.find((one) => one.style === "fills");
  const lines = series.filter((one) => one.style !== "fills" && one.style !== "band");
  const box = simmm.element("div", "panel");
  const head = simmm.element("div", "panel-head");
  head.append(simmm.element("b", "", spec.title), simmm.element("span", "unit", spec.unit || ""));
  const keyed = spec.lanes ? [] : series.filter((one) => one.style !== "fills");
  simmm.legend(head, keyed, changed);
  if (fills) {
    const keys = simmm.element("span", "legend");
    for (const [kind, text] of [["buy", "▲ bought"], ["sell", "▼ sold"], ["faint", "△▽ hollow: assumed"]]) {
      keys.append(simmm.element("span", `key c-${kind}`, text));
    }
    head.append(keys);
    stack.closest("figure").dataset.fills = String(fills.x.length);
  }
  const readout = simmm.element("span", "readout");
  head.append(readout);
  const canvas = simmm.element("canvas");
  box.append(head, canvas);
  stack.append(box);
  const g = canvas.getContext("2d");
  const foot = last ? 20 : 4;
  let scale = { low: 0, high: 1, ticks: [0] };

  function range(view) {
    if (spec.lanes) return { low: 0, high: 1 };
    let low = Infinity, high = -Infinity;
    const take = (v) => { if (spec.log && !(v > 0)) return; if (v < low) low = v; if (v > high) high = v; };
    const visit = (x, columns, open) => {
      // beliefs of the warm-up are too rough to set the scale
      const from = spec.robust && chart.calm < view.to ? Math.max(view.from, chart.calm) : view.from;
      const a = Math.max(0, before(x, from) + (open ? 1 : 0)), b = before(x, view.to);
      for (let i = a; i <= b; i++) for (const column of columns) take(column[i]);
    };
    for (const one of series) {
      if (one.on === false || one.free) continue;
      if (one.style === "fills") visit(one.x, [one.px], true);
      else if (one.style !== "band") visit(one.x, [one.lo, one.hi], false);
    }
    const middle = high, lowest = low;
    for (const one of series) {
      if (one.style === "band" && one.on !== false) visit(one.x, [one.low, one.high], false);
    }
    if (spec.log) { // bands, and lines that don't set the scale, are shown as far as it is readable
      const far = [lowest / 6, middle * 6], within = (v) => { if (v >= far[0] && v <= far[1]) take(v); };
      high = Math.min(high, middle * 2); low = Math.max(low, lowest / 2);
      for (const one of series) {
        if (one.free && one.on !== false) for (const y of [one.lo, one.hi]) y.forEach(within);
      }
      return low < high ? { low: Math.log10(low), high: Math.log10(high) } : { low: 0, high: 1 };
    }
    if (spec.robust === "both") { // a wide band doesn't set the scale
      const reach = 0.8 * (middle - lowest);
      high = Math.min(high, middle + reach); low = Math.max(low, lowest - reach);
    } else if (spec.robust && middle > 0) high = Math.min(high, middle * 1.6);
    if (!(low <= high)) { low = 0; high = 1; }
    if (spec.zero) { low = Math.min(low, 0); high = Math.max(high, 0); }
    const wide = high - low;
    for (const limit of spec.lines || []) {
      if (Math.abs(limit) <= Math.max(Math.abs(low), Math.abs(high)) * 1.6) take2(limit);
    }
    function take2(v) { low = Math.min(low, v); high = Math.max(high, v); }
    const room = (high - low || Math.abs(high) || 1) * 0.06;
    const flat = high - low <= 0;
    const under = spec.zero && low >= 0 && wide >= 0 && !flat ? 0 : room;
    let over = spec.zero && high <= 0 && !flat ? room * 0.5 : room;
    // reasons of shaded stretches stand at the top of the first panel, above what is drawn
    if (first && chart.shades.length) over = Math.max(over, (high - low + under) * 18 / (spec.height - 18));
    return { low: low - under, high: high + over };
  }

  const tickText = (v) => simmm.tickText(v, spec.log ? v : scale.ticks.step || 1);

  function measure(view) {
    scale = range(view);
    g.font = FONT;
    if (spec.lanes) { scale.ticks = []; return simmm.laneNames(g, spec) + 8; }
    if (spec.log) {
      scale.ticks = simmm.logTicks(scale.low, scale.high);
      return Math.ceil(Math.max(34, ...scale.ticks.map((v) => g.measureText(tickText(v)).width))) + 8;
    }
    let count = Math.max(3, Math.round(spec.height / 48));
    do scale.ticks = simmm.ticks(scale.low, scale.high, count++); // one tick alone tells no size
    while (scale.ticks.length < 2 && count < 9);
    return Math.ceil(Math.max(34, ...scale.ticks.map((v) =>
      g.measureText(tickText(v)).width))) + 8;
  }

  function draw(view, area, width) {
    const ratio = window.devicePixelRatio || 1;
    const height = spec.height + foot;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    canvas.style.height = `${height}px`;
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.font = FONT;
    const per = area.width / (view.to - view.from);
    const X = (t) => area.left + (t - view.from) * per;
    const part = (v) => spec.log ? (v > 0 ? Math.log10(v) : -99) : v;
    const Y = (v) => 3 + (spec.height - 3) * (1 - (part(v) - scale.low) / (scale.high - scale.low));
    grid(view, area, X, Y);
    g.save();
    g.beginPath();
    g.rect(area.left, 0, area.width, spec.height + 1);
    g.clip();
    for (const one of series) {
      if (one.on === false) continue;
      if (one.style === "lane") {
        simmm.drawLane(g, one, before(one.x, view.from), before(one.x, view.to) + 1, X, chart.span);
      } else if (one.style === "band") drawBand(one, view, X, Y);
      else if (one.style === "fills") drawFills(one, view, X, Y, area);
      else drawLine(one, one.lo, one.hi, one.y, view, X, Y);
    }
    if (first) labels(area, X);
    g.restore();
  }

  function grid(view, area, X, Y) {
    const right = area.left + area.width;
    for (const shade of chart.shades) {
      const a = Math.max(area.left, X(shade.from)), b = Math.min(right, X(shade.to));
      if (b <= area.left || a >= right) continue;
      g.fillStyle = simmm.colour(`shade-${shade.kind}`);
      g.fillRect(a, 0, Math.max(1, b - a), spec.height);
    }
    if (spec.lanes) simmm.laneGrid(g, spec, area);
    g.lineWidth = 1;
    g.textBaseline = "middle";
    g.textAlign = "right";
    for (const v of scale.ticks) {
      const y = Math.round(Y(v)) + 0.5;
      g.strokeStyle = simmm.colour(v === 0 && spec.zero ? "axis" : "grid");
      g.beginPath(); g.moveTo(area.left, y); g.lineTo(right, y); g.stroke();
      g.fillStyle = simmm.colour("faint");
      g.fillText(tickText(v), area.left - 6, Math.max(6, y));
    }
    g.setLineDash([5, 4]);
    g.strokeStyle = simmm.colour("loss");
    for (const limit of spec.lines || []) {
      if (limit < scale.low || limit > scale.high) continue;
      const y = Math.round(Y(limit)) + 0.5;
      g.beginPath(); g.moveTo(area.left, y); g.lineTo(right, y); g.stroke();
    }
    g.setLineDash([]);
    g.textAlign = "center";
    g.textBaseline = "top";
    const start = chart.start;
    for (const tick of simmm.timeTicks(start + view.from, start + view.to, area.width / 66)) {
      const x = Math.round(X(tick.at - start)) + 0.5;
      g.strokeStyle = simmm.colour("grid");
      g.beginPath(); g.moveTo(x, 0); g.lineTo(x, spec.height + (last ? 4 : 0)); g.stroke();
      g.fillStyle = simmm.colour("faint");
      const half = g.measureText(tick.text).width / 2;
      if (last && x > area.left && x + half < right + 8) g.fillText(tick.text, x, spec.height + 6);
    }
  }

  // Reasons of the shaded stretches, in rows so that they don't cover each other.
  function labels(area, X) {
    const ends = [];
    g.textAlign = "left";
    g.textBaseline = "top";
    let count = 0;
    const many = chart.shades.length > 8;
    for (const shade of chart.shades) {
      const a = X(shade.from), b = X(shade.to), right = area.left + area.width;
      if (!shade.text || b < area.left || a > right || ++count > 40) continue;
      const width = g.measureText(shade.text).width;
      if (shade.kind === "gap" && many && b - a < width) continue;
      const x = Math.max(area.left + 3, Math.min(right - width - 3, a + 3));
      let row = 0;
      while (row < 3 && ends[row] > x) row++;
      if (row === 3) continue;
      ends[row] = x + width + 8;
      g.fillStyle = simmm.colour("page-veil");
      g.fillRect(x - 2, 2 + row * 14, width + 4, 13);
      g.fillStyle = simmm.colour(shade.kind === "worst" ? "loss" : "faint");
      g.fillText(shade.text, x, 3 + row * 14);
    }
  }

  // A line, or steps: per column of pixels its lowest and highest value, so nothing is lost.
  function drawLine(one, low, high, y, view, X, Y) {
    const a = Math.max(0, before(one.x, view.from)), b = Math.min(one.x.length - 1, before(one.x, view.to) + 1);
    const step = one.style === "step";
    g.strokeStyle = simmm.colour(one.colour);
    g.lineWidth = one.heavy ? 2 : 1.25;
    g.setLineDash(one.dash ? [6, 4] : []);
    g.lineJoin = "round";
    g.beginPath();
    let pen = false, column = -1, top = 0, bottom = 0, end = 0, at = 0;
    const zero = Y(0), closed = [];
    const flush = () => {
      if (column < 0) return;
      if (top < bottom) { g.lineTo(at, top); g.lineTo(at, bottom); }
      g.lineTo(at, end);
      column = -1;
    };
    for (let i = a; i <= b; i++) {
      if (!(y[i] === y[i])) { flush(); pen = false; continue; }
      const x = X(one.x[i]), now = Math.floor(x), v = Y(y[i]), h = Y(high[i]), l = Y(low[i]);
      if (one.fill) closed.push(x, v);
      if (now === column) {
        top = Math.min(top, h); bottom = Math.max(bottom, l); end = v;
        continue;
      }
      flush();
      if (!pen) { g.moveTo(x, v); pen = true; } else if (step) g.lineTo(x, end);
      column = now; at = x; top = h; bottom = l; end = v;
    }
    flush();
    if (step && pen && b === one.x.length - 1) g.lineTo(X(chart.span), end);
    g.stroke();
    g.setLineDash([]);
    if (one.fill && closed.length) {
      g.fillStyle = simmm.colour(one.colour);
      g.globalAlpha = 0.18;
      for (let k = 0; k < closed.length; k += 2) {
        const right = k + 2 < closed.length ? closed[k + 2] : X(chart.span);
        const v = closed[k + 1];
        g.fillRect(closed[k], Math.min(v, zero), right - closed[k], Math.abs(v - zero));
      }
      g.globalAlpha = 1;
    }
  }

  function drawBand(one, view, X, Y) {
    const a = Math.max(0, before(one.x, view.from)), b = Math.min(one.x.length - 1, before(one.x, view.to) + 1);
    g.fillStyle = simmm.colour(one.colour);
    g.beginPath();
    let start = NaN, low = Infinity, high = -Infinity;
    for (let i = a; i <= b; i++) {
      const x = X(one.x[i]);
      const next = i < one.x.length - 1 ? X(one.x[i + 1]) : X(chart.span);
      if (!(one.low[i] <= one.high[i])) { start = NaN; continue; } // one side alone: its edge
      if (!(start === start)) { start = x; low = Infinity; high = -Infinity; }
      low = Math.min(low, one.low[i]);
      high = Math.max(high, one.high[i]);
      if (next - start >= 1) {
        g.rect(start, Y(high), next - start, Math.max(1, Y(low) - Y(high)));
        start = NaN;
      }
    }
    g.fill();
    if (!one.edges) return;
    for (const [colour, y] of [["buy", one.low], ["sell", one.high]]) {
      g.globalAlpha = 0.55;
      drawLine({ style: "step", colour, x: one.x }, y, y, y, view, X, Y);
      g.globalAlpha = 1;
    }
  }

  // Every fill marks its pixel; marks that would cover the same pixel are drawn once.
  function drawFills(one, view, X, Y, area) {
    const a = before(one.x, view.from - 1) + 1, b = before(one.x, view.to);
    const count = b - a + 1;
    if (count <= 0) return;
    const r = count < 300 ? 5.5 : count < 1500 ? 4.5 : count < 8000 ? 3.5 : 2.5;
    const wide = Math.ceil(area.width) + 2;
    for (const [bought, colour, up] of [[true, "buy", 1], [false, "sell", -1]]) {
      const seen = new Uint8Array(wide * (spec.height + 2));
      const solid = new Path2D(), hollow = new Path2D();
      for (let i = a; i <= b; i++) {
        if (((one.marks[i] & BOUGHT) !== 0) !== bought) continue;
        const x = X(one.x[i]), y = Y(one.px[i]);
        const assumed = (one.marks[i] & 1) !== 0;
        const cell = Math.floor(x - area.left) + wide * Math.max(0, Math.min(spec.height, Math.floor(y)));
        const bit = assumed ? 2 : 1;
        if (seen[cell] & bit) continue;
        seen[cell] |= bit;
        const path = assumed ? hollow : solid;
        // The tip is the price: what was bought hangs under it, what was sold stands on it.
        path.moveTo(x, y);
        path.lineTo(x + r, y + up * r * 1.8);
        path.lineTo(x - r, y + up * r * 1.8);
        path.closePath();
      }
      g.lineWidth = 1;
      g.fillStyle = simmm.colour(colour);
      g.strokeStyle = simmm.colour("page");
      g.fill(solid);
      if (count < 1500) g.stroke(solid);
      g.fillStyle = simmm.colour("page");
      g.strokeStyle = simmm.colour(colour);
      g.fill(hollow);
      g.lineWidth = 1.3;
      g.stroke(hollow);
    }
  }

  const text = (v) => spec.decimals === undefined ? simmm.short(v) : simmm.number(v, spec.decimals);

  function read(t) {
    if (t === null) { readout.textContent = ""; return; }
    const told = first ? [simmm.time(chart.start + t).slice(11)] : [];
    for (const one of series) {
      if (one.on === false || one.style === "fills") continue;
      const i = before(one.x, t);
      if (i < 0) continue;
      if (one.words) told.push(`${one.name} ${one.words[one.y[i]] ?? "–"}`);
      else if (one.style === "band" && !one.y) told.push(`${one.name} ${text(one.low[i])} / ${text(one.high[i])}`);
      else told.push(`${one.name} ${text(one.y[i])}`);
    }
    readout.textContent = told.join(" · ");
  }

  function nearest(x, y, view, area) {
    if (!fills) return [];
    const per = area.width / (view.to - view.from);
    const t = view.from + (x - area.left) / per;
    const a = before(fills.x, t - 14 / per) + 1, b = before(fills.x, t + 14 / per);
    let found = -1, best = 14 * 14;
    for (let i = a; i <= b; i++) {
      const dx = area.left + (fills.x[i] - view.from) * per - x;
      const dy = 3 + (spec.height - 3) * (1 - (fills.px[i] - scale.low) / (scale.high - scale.low)) - y;
      if (dx * dx + dy * dy < best) { best = dx * dx + dy * dy; found = i; }
    }
    return found < 0 ? [] : told(found);
  }

  function told(i) {
    const marks = fills.marks[i];
    const found = [
      `${marks & BOUGHT ? "▲ bought" : "▼ sold"} ${simmm.short(fills.size[i])} at ${text(fills.px[i])}`,
      `${simmm.time(chart.start + fills.x[i])} UTC`,
    ];
    if (fills.ahead) {
      const ahead = fills.ahead[i];
      found.push(`ahead at join: ${Number.isNaN(ahead) ? "unknown" : ahead === 0 ? "nobody" : simmm.short(ahead)}; ` +
        `rested ${simmm.duration(fills.wait[i])}`);
      found.push(`edge ${simmm.number(fills.edge[i], 2, true)} bps, after 5 s ${simmm.number(fills.edge5[i], 2, true)}`);
    }
    const flags = FLAGS.filter(([bit]) => marks & bit).map(([, name]) => name);
    found.push(flags.length ? flags.join(", ") : "printed at our price");
    return found;
  }

  function csv() {
    const rows = [];
    for (const one of series) {
      if (one.style === "fills") continue;
      for (let i = 0; i < one.x.length; i++) {
        const band = one.style === "band";
        rows.push([spec.title, one.name, new Date(chart.start + one.x[i]).toISOString(),
          band ? "" : one.y[i], band ? one.low[i] : one.lo[i], band ? one.high[i] : one.hi[i]]);
      }
    }
    return rows;
  }

  function fillTable() {
    const columns = ["time_utc", "side", "px", "size", "flags", "ahead", "rested_ms", "edge_bps", "edge_5s_bps"];
    const rows = Array.from(fills.x, (t, i) => [new Date(chart.start + t).toISOString(),
      fills.marks[i] & BOUGHT ? "buy" : "sell", fills.px[i], fills.size[i],
      FLAGS.filter(([bit]) => fills.marks[i] & bit).map(([, name]) => name).join("; "),
      ...["ahead", "wait", "edge", "edge5"].map((key) => fills[key] ? fills[key][i] : "")]);
    return { columns, rows };
  }

  const end = lines.find((one) => one.heavy);
  if (end) stack.closest("figure").dataset.last = String(end.y[end.y.length - 1]);
  return { canvas, fills, measure, draw, read, nearest, csv, fillTable };
};
