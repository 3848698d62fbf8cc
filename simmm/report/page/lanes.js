// Lanes of a panel on a time axis: each shows by its strength when something held, under its name.
"use strict";

const LANE = 17; // pixels; LANE_HEIGHT of estimators.py

simmm.laneNames = (g, spec) => Math.ceil(Math.max(...spec.series.map((one) => g.measureText(one.name).width)));

// Stretches of one lane; what doesn't fill a pixel is drawn as one.
simmm.drawLane = (g, one, from, to, X, span) => {
  const top = one.lane * LANE + 3, height = LANE - 5;
  g.fillStyle = simmm.colour(one.colour);
  const a = Math.max(0, from), b = Math.min(one.x.length - 1, to);
  let start = NaN, strength = 0;
  const flush = (x) => {
    if (start === start && strength > 0) {
      g.globalAlpha = 0.15 + 0.75 * Math.min(1, strength / one.most);
      g.fillRect(start, top, Math.max(1.5, x - start), height);
    }
  };
  for (let i = a; i <= b; i++) {
    const value = one.y[i] === one.y[i] ? one.hi[i] : 0;
    if (value === strength && start === start) continue;
    const x = X(one.x[i]);
    // the strongest of a pixel wins, so that no short alarm is lost
    if (start === start && x - start < 1) { strength = Math.max(strength, value); continue; }
    flush(x);
    start = x; strength = value;
  }
  flush(X(b < one.x.length - 1 ? one.x[b + 1] : span));
  g.globalAlpha = 1;
};

simmm.laneGrid = (g, spec, area) => {
  g.textBaseline = "middle";
  g.textAlign = "right";
  for (const one of spec.series) {
    const y = one.lane * LANE + LANE / 2 + 0.5;
    g.fillStyle = simmm.colour("faint");
    g.fillText(one.name, area.left - 6, y);
    g.fillStyle = simmm.colour("grid");
    g.fillRect(area.left, one.lane * LANE + 3, area.width, LANE - 5);
  }
};
