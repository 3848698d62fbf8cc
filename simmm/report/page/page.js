// The core of a page: its data, its charts by kind, saving data, light and dark.
// A kind is registered as simmm.register(kind, make); make(figure, plot, spec, name) draws and
// returns {redraw(), csv() -> [{label, columns, rows}]}. Nothing here asks for an address.
"use strict";
const simmm = { kinds: {}, charts: {}, data: { charts: {}, tables: {} } };

window.addEventListener("error", (event) => {
  document.documentElement.dataset.error = String(event.message);
});

simmm.register = (kind, make) => { simmm.kinds[kind] = make; };

const RAW = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f4: Float32Array, f8: Float64Array };

// A packed column (pack.py) as numbers; NaN where there is none.
simmm.column = (packed) => {
  const text = atob(packed.b);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const raw = new RAW[packed.t](bytes.buffer);
  const found = new Float64Array(raw.length);
  for (let i = 0; i < raw.length; i++) {
    found[i] = packed.z && raw[i] === 0 ? NaN : packed.o + raw[i] * packed.k;
  }
  return found;
};

simmm.escape = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

// An element with a class and text; text is never read as HTML.
simmm.element = (name, kind, text) => {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = text;
  return made;
};

let colours = {};
simmm.colour = (name) => {
  if (!(name in colours)) {
    colours[name] = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  }
  return colours[name];
};

simmm.button = (figure, text, title, act) => {
  const made = simmm.element("button", "tool", text);
  made.type = "button";
  made.title = title;
  made.setAttribute("aria-label", title);
  made.addEventListener("click", act);
  const tools = figure.querySelector(".tools");
  if (tools) tools.append(made);
  return made;
};

function cell(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "";
  const text = String(value);
  return /[",\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
}

simmm.csv = (table) =>
  [table.columns, ...table.rows].map((row) => Array.from(row, cell).join(",")).join("\n") + "\n";

simmm.save = (name, table) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([simmm.csv(table)], { type: "text/csv" }));
  link.download = `${name}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
};

function redraw() {
  colours = {};
  for (const chart of Object.values(simmm.charts)) chart.redraw();
}

// Light or dark: the system's choice until the button is used; kept where storage is allowed.
function theme() {
  const root = document.documentElement;
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  try {
    const kept = localStorage.getItem("simmm-theme");
    if (kept === "light" || kept === "dark") root.dataset.theme = kept;
  } catch { /* a file may have no storage */ }
  const dark = () => (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
  document.getElementById("theme").addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    try { localStorage.setItem("simmm-theme", root.dataset.theme); } catch { /* as above */ }
    redraw();
  });
  system.addEventListener("change", redraw);
  let before;
  window.addEventListener("beforeprint", () => {
    before = root.dataset.theme;
    root.dataset.theme = "light";
    redraw();
  });
  window.addEventListener("afterprint", () => {
    if (before) root.dataset.theme = before;
    else delete root.dataset.theme;
    redraw();
  });
}

simmm.start = () => {
  simmm.data = JSON.parse(document.getElementById("data").textContent);
  theme();
  for (const figure of document.querySelectorAll("[data-chart]")) {
    const name = figure.dataset.chart;
    const spec = simmm.data.charts[name];
    if (!spec) continue;
    const chart = simmm.kinds[spec.kind](figure, figure.querySelector(".plot"), spec, name);
    simmm.charts[name] = chart;
    for (const table of chart.csv(true)) {
      simmm.button(figure, table.label, "save the data as CSV", () => {
        const found = chart.csv().find((one) => one.label === table.label);
        simmm.save(`${name}${found.suffix || ""}`, found);
      });
    }
  }
  for (const place of document.querySelectorAll("[data-table]")) {
    const name = place.dataset.table;
    const table = simmm.data.tables[name];
    if (table) simmm.button(place, "CSV", "save the data as CSV", () => simmm.save(name, table));
  }
  for (const button of document.querySelectorAll("button[data-from]")) {
    button.addEventListener("click", () => simmm.zoom(+button.dataset.from, +button.dataset.to));
  }
  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth !== width) { width = window.innerWidth; redraw(); }
  });
  const root = document.documentElement;
  root.dataset.ready = "1";
  root.dataset.milliseconds = String(Math.round(performance.now()));
};
