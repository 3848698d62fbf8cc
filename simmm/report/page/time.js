// Charts on a time axis: panels of canvases under each other. All charts of a page whose runs cover
// the same time share one view, so that they zoom and move together.
"use strict";

const views = new Map();

function viewOf(spec) {
  const key = `${spec.start}/${spec.span}`;
  if (!views.has(key)) {
    views.set(key, { start: spec.start, span: spec.span, from: 0, to: spec.span, listeners: [] });
  }
  return views.get(key);
}

// Show [from, to], ms since the start of the run, held inside it.
function show(view, from, to) {
  const least = Math.min(view.span, 20);
  let width = Math.max(least, Math.min(view.span, to - from));
  if (!Number.isFinite(width)) width = view.span;
  const middle = (from + to) / 2;
  view.from = Math.max(0, Math.min(view.span - width, middle - width / 2));
  view.to = view.from + width;
  if (view.waiting) return;
  view.waiting = true;
  requestAnimationFrame(() => {
    view.waiting = false;
    for (const draw of view.listeners) draw();
  });
}

simmm.zoom = (from, to) => {
  for (const view of views.values()) {
    const room = (to - from) * 0.15;
    show(view, from - room, to + room);
  }
  const chart = document.querySelector("figure[data-chart] .stack");
  if (chart) chart.closest("figure").scrollIntoView({ behavior: "smooth", block: "start" });
};

const around = (view, at, factor) =>
  show(view, at - (at - view.from) * factor, at + (view.to - at) * factor);
const move = (view, share) => {
  const by = (view.to - view.from) * share;
  show(view, Math.max(0, view.from + by) , Math.max(0, view.from + by) + (view.to - view.from));
};

simmm.register("time", (figure, plot, spec) => {
  const view = viewOf(spec);
  const stack = simmm.element("div", "stack");
  stack.tabIndex = 0;
  stack.setAttribute("role", "img");
  stack.setAttribute("aria-label", `${spec.panels.map((p) => p.title).join(", ")} over time; plus ` +
    "and minus zoom, arrows move, 0 shows the whole run");
  const hair = simmm.element("div", "hair");
  const brush = simmm.element("div", "brush");
  const hint = simmm.element("div", "hint");
  plot.append(stack);
  const panels = spec.panels.map((one, k) =>
    simmm.panel(stack, one, spec, k === 0, k === spec.panels.length - 1, redraw));
  stack.append(hair, brush, hint);
  const area = { left: 0, width: 1 };

  function redraw() {
    const width = stack.clientWidth;
    const gutter = Math.max(...panels.map((p) => p.measure(view, width)));
    area.left = gutter;
    area.width = Math.max(10, width - gutter - 8);
    for (const panel of panels) panel.draw(view, area, width);
    const whole = view.to - view.from >= view.span * 0.999;
    stack.classList.toggle("zoomed", !whole);
  }
  view.listeners.push(redraw);

  const timeAt = (x) => view.from + ((x - area.left) / area.width) * (view.to - view.from);
  const placeOf = (event) => {
    const box = stack.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const inside = (x) => x >= area.left && x <= area.left + area.width;

  function point(event) {
    const at = placeOf(event);
    const seen = inside(at.x);
    hair.style.display = seen ? "block" : "none";
    hint.style.display = "none";
    if (!seen) { for (const panel of panels) panel.read(null); return; }
    hair.style.left = `${at.x}px`;
    const t = timeAt(at.x);
    for (const panel of panels) panel.read(t);
    const lines = [];
    const top = stack.getBoundingClientRect().top;
    for (const panel of panels) {
      const box = panel.canvas.getBoundingClientRect();
      const y = event.clientY - box.top;
      if (y >= 0 && y <= box.height) lines.push(...panel.nearest(at.x, y, view, area));
    }
    for (const shade of spec.shades) {
      if (shade.text && t >= shade.from && t <= shade.to) lines.push(shade.text);
    }
    if (!lines.length) return;
    hint.textContent = "";
    for (const line of lines) hint.append(simmm.element("div", "", line));
    hint.style.display = "block";
    const right = at.x > stack.clientWidth / 2;
    hint.style.left = right ? "auto" : `${at.x + 14}px`;
    hint.style.right = right ? `${stack.clientWidth - at.x + 14}px` : "auto";
    hint.style.top = `${event.clientY - top + 12}px`;
  }

  const down = new Map();
  let began = null;
  stack.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.target.closest("button")) return;
    const at = placeOf(event);
    if (!inside(at.x)) return;
    stack.focus({ preventScroll: true });
    try { stack.setPointerCapture(event.pointerId); } catch { /* gone already */ }
    down.set(event.pointerId, at.x);
    const moves = event.shiftKey || event.pointerType === "touch";
    began = { x: at.x, from: view.from, to: view.to, moves, pinch: [...down.values()] };
  });
  stack.addEventListener("pointermove", (event) => {
    const at = placeOf(event);
    if (!began) { point(event); return; }
    down.set(event.pointerId, at.x);
    const per = (began.to - began.from) / area.width;
    if (down.size === 2) {
      const [a, b] = began.pinch, [c, d] = [...down.values()];
      const factor = Math.abs(a - b) / Math.max(8, Math.abs(c - d));
      const held = began.from + ((a + b) / 2 - area.left) * per;
      const width = (began.to - began.from) * factor;
      const share = ((c + d) / 2 - area.left) / area.width;
      show(view, held - share * width, held + (1 - share) * width);
    } else if (began.moves) {
      const by = (began.x - at.x) * per;
      const from = Math.max(0, Math.min(view.span - (began.to - began.from), began.from + by));
      show(view, from, from + began.to - began.from);
    } else {
      const x = Math.max(area.left, Math.min(area.left + area.width, at.x));
      brush.style.display = "block";
      brush.style.left = `${Math.min(x, began.x)}px`;
      brush.style.width = `${Math.abs(x - began.x)}px`;
    }
  });
  const up = (event) => {
    down.delete(event.pointerId);
    brush.style.display = "none";
    if (began && !began.moves && event.type === "pointerup") {
      const x = Math.max(area.left, Math.min(area.left + area.width, placeOf(event).x));
      if (Math.abs(x - began.x) > 4) {
        show(view, timeAt(Math.min(x, began.x)), timeAt(Math.max(x, began.x)));
      }
    }
    began = null;
  };
  stack.addEventListener("pointerup", up);
  stack.addEventListener("pointercancel", up);
  stack.addEventListener("pointerleave", () => {
    hair.style.display = "none";
    hint.style.display = "none";
    for (const panel of panels) panel.read(null);
  });
  stack.addEventListener("dblclick", (event) => {
    if (!event.target.closest("button")) show(view, 0, view.span);
  });
  stack.addEventListener("wheel", (event) => {
    const ours = document.activeElement === stack || event.ctrlKey || event.metaKey;
    const x = placeOf(event).x;
    if (!ours || !inside(x)) return;
    const whole = view.to - view.from >= view.span * 0.999;
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      if (whole) return;
      event.preventDefault();
      move(view, event.deltaX / area.width);
      return;
    }
    if (whole && event.deltaY > 0 && !event.ctrlKey) return; // the page scrolls on
    event.preventDefault();
    around(view, timeAt(x), Math.exp(Math.max(-60, Math.min(60, event.deltaY)) * 0.004));
  }, { passive: false });
  const middle = () => (view.from + view.to) / 2;
  const keys = {
    "+": () => around(view, middle(), 0.5), "=": () => around(view, middle(), 0.5),
    "-": () => around(view, middle(), 2), ArrowLeft: () => move(view, -0.2),
    ArrowRight: () => move(view, 0.2), 0: () => show(view, 0, view.span),
    Home: () => show(view, 0, view.span),
  };
  stack.addEventListener("keydown", (event) => {
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });
  simmm.button(figure, "\u2212", "zoom out", keys["-"]);
  simmm.button(figure, "+", "zoom in", keys["+"]);
  simmm.button(figure, "◂", "earlier", keys.ArrowLeft);
  simmm.button(figure, "▸", "later", keys.ArrowRight);
  simmm.button(figure, "whole run", "show the whole run", keys[0]);
  redraw();
  const csv = () => panels.flatMap((panel) => panel.csv());
  return {
    redraw,
    csv: (names) => {
      const fills = panels.some((panel) => panel.fills);
      if (names) return fills ? [{ label: "CSV" }, { label: "fills CSV" }] : [{ label: "CSV" }];
      const rows = csv();
      const found = [{ label: "CSV", columns: ["panel", "series", "time_utc", "value", "low", "high"], rows }];
      if (fills) found.push({ label: "fills CSV", suffix: "_fills", ...panels.find((p) => p.fills).fillTable() });
      return found;
    },
  };
});
