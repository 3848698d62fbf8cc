// Numbers, times, ticks and legends that all kinds of charts share.
"use strict";

simmm.number = (value, decimals, sign) => {
  if (value === null || !Number.isFinite(value)) return "–";
  const text = Math.abs(value).toLocaleString("en-US", {
    minimumFractionDigits: decimals, maximumFractionDigits: decimals,
  });
  if (!/[1-9]/.test(text)) return text;
  return (value < 0 ? "\u2212" : sign ? "+" : "") + text;
};

// A number of any size in about four figures.
simmm.short = (value) => {
  if (value === null || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 1e-3 || size >= 1e7) return value.toExponential(2).replace(/-/g, "\u2212");
  return simmm.number(value, Math.max(0, Math.min(6, 3 - Math.floor(Math.log10(size)))));
};

// Round values from low to high, about `count` of them.
simmm.ticks = (low, high, count) => {
  const rough = (high - low) / Math.max(1, count);
  if (!(rough > 0) || !Number.isFinite(rough)) return [low];
  const power = Math.pow(10, Math.floor(Math.log10(rough)));
  const step = power * [1, 2, 5, 10].find((k) => k * power >= rough * 0.999);
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) found.push(k * step);
  found.step = step;
  return found;
};

// Round values of a scale whose ends are given as powers of ten: decades, or 1, 2, 5 of each.
simmm.logTicks = (low, high) => {
  const found = [];
  for (let power = Math.floor(low); power <= high; power++) {
    for (const k of high - low > 2 ? [1] : [1, 2, 5]) {
      const value = k * Math.pow(10, power);
      if (Math.log10(value) >= low - 1e-9 && Math.log10(value) <= high + 1e-9) found.push(value);
    }
  }
  return found.length > 1 ? found : simmm.ticks(Math.pow(10, low), Math.pow(10, high), 3);
};

simmm.tickText = (value, step) => {
  const largest = Math.max(Math.abs(value), Math.abs(step));
  if (largest !== 0 && (Math.abs(step) < 1e-4 || largest >= 1e7)) {
    if (value === 0) return "0";
    const power = Math.floor(Math.log10(Math.abs(value)));
    const digits = Math.max(0, Math.min(3, power - Math.floor(Math.log10(step) + 1e-9)));
    return value.toExponential(digits).replace(/-/g, "\u2212");
  }
  return simmm.number(value, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
};

const S = 1000, M = 60 * S, H = 60 * M, D = 24 * H;
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, S, 2 * S, 5 * S, 10 * S, 15 * S, 30 * S, M, 2 * M,
  5 * M, 10 * M, 15 * M, 20 * M, 30 * M, H, 2 * H, 3 * H, 6 * H, 12 * H, D, 2 * D, 7 * D, 14 * D, 30 * D,
  90 * D, 365 * D];

// Times (ms since 1970) from `from` to `to`, about `count`, with their text.
simmm.timeTicks = (from, to, count) => {
  const step = STEPS.find((s) => s >= (to - from) / Math.max(1, count)) || 365 * D;
  const found = [];
  for (let t = Math.ceil(from / step) * step; t <= to && found.length < 100; t += step) {
    const text = new Date(t).toISOString();
    const cut = t % D === 0 && step >= M ? text.slice(5, 10)
      : step >= M ? text.slice(11, 16) : step >= S ? text.slice(11, 19) : text.slice(17, 23);
    found.push({ at: t, text: cut });
  }
  return found;
};

simmm.time = (ms) => {
  const text = new Date(ms).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, 23)}`;
};

simmm.duration = (ms) => {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60000) return `${(ms / 1000).toPrecision(3)} s`;
  if (ms < 3600000) return `${Math.floor(ms / 60000)} min ${Math.round((ms % 60000) / 1000)} s`;
  return `${Math.floor(ms / 3600000)} h ${Math.round((ms % 3600000) / 60000)} min`;
};

// A legend whose names show and hide their series; `mark` is "line", "dash", "band" or "box".
simmm.legend = (parent, series, changed) => {
  const legend = simmm.element("span", "legend");
  for (const one of series) {
    const made = simmm.element("button", `key ${one.mark || "line"}`);
    made.type = "button";
    const swatch = simmm.element("i");
    swatch.style.setProperty("--key", `var(--${one.colour})`);
    made.append(swatch, document.createTextNode(one.name));
    made.setAttribute("aria-pressed", String(one.on !== false));
    made.addEventListener("click", () => {
      one.on = one.on === false;
      made.setAttribute("aria-pressed", String(one.on));
      changed();
    });
    legend.append(made);
  }
  parent.append(legend);
  return legend;
};
