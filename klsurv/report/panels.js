// A panel per dose. In: trajectories and a threshold. Out: their lines, survival and numbers at risk; what is pointed at.

const element = (name, text, parent) => {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (parent) parent.append(made);
  return made;
};
const drawing = (name, attributes, parent) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent.append(made);
  return made;
};
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const short = (x) => x === null || Number.isNaN(x) ? "–" : Number.isInteger(x) ? String(x) : x.toPrecision(3);

// One panel per alpha: a canvas for the lines, an SVG for survival and the number at risk.
const panels = D.alphas.map((alpha) => {
  const box = element("div", undefined, $("panels"));
  box.className = "panel";
  const heading = element("h4", `α = ${alpha}`, box), canvas = element("canvas", undefined, box);
  canvas.setAttribute("role", "img");
  const curve = drawing("svg", { viewBox: "0 0 300 132", role: "img" }, box);
  const panel = { alpha, box, heading, canvas, curve, members: [] };
  canvas.addEventListener("pointermove", (event) => hover(panel, event));
  canvas.addEventListener("pointerleave", () => { $("hover").textContent = "\u00a0"; });
  canvas.addEventListener("click", (event) => { const hit = nearest(panel, event); if (hit) tell(hit.i, true); });
  return panel;
});

// Pixels above the lines, for what they are of.
const TOP = 12;
const size = (panel) => {
  const width = panel.canvas.clientWidth || 280, height = panel.canvas.clientHeight || 170;
  return { width, height, x: (t) => 30 + t / D.x_max * (width - 36), y: (v) => (1 - v / D.y_max) * (height - 32) + 18 };
};

const paintLines = (panel) => {
  const { width, height, x, y } = size(panel), ratio = window.devicePixelRatio || 1;
  panel.canvas.width = width * ratio;
  panel.canvas.height = height * ratio;
  const pen = panel.canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.fillStyle = colour("--faint");
  pen.font = "10px sans-serif";
  // A width that it may not exceed: "1.23e+4" is drawn narrower, not cut off.
  pen.textAlign = "right";
  for (const share of [0, 0.5, 1]) pen.fillText(short(share * D.y_max), 26, y(share * D.y_max) + 3, 26);
  for (const share of [0, 0.5, 1]) {
    pen.textAlign = share === 1 ? "right" : "center";
    pen.fillText(String(Math.round(share * D.x_max)), x(share * D.x_max), height - 2);
  }
  pen.textAlign = "left";
  pen.fillText(D.kl_title, 32, 9, width - 36);
  if (!panel.members.some(drawn)) {
    pen.textAlign = "center";
    pen.fillText("none is drawn: early KL is 0 or failed", x(D.x_max / 2), y(D.y_max / 2) + 3);
  }
  // What is above the axis leaves the panel, below the line that says what is drawn; it does not run along its edge.
  pen.beginPath();
  pen.rect(29, TOP, width - 29, y(0) + 2 - TOP);
  pen.clip();
  pen.lineWidth = 1;
  const opacity = Math.min(0.7, Math.max(0.2, 8 / Math.max(panel.members.length, 1)));
  const colours = { true: colour("--alive"), false: colour("--dead") };
  for (const alive of [false, true]) {
    pen.strokeStyle = colours[alive];
    pen.globalAlpha = opacity;
    for (const i of panel.members) if (drawn(i) && i !== state.picked) stroke(pen, i, alive, x, y);
  }
  if (panel.members.includes(state.picked)) {
    pen.globalAlpha = 1;
    pen.lineWidth = 2.5;
    for (const alive of [false, true]) { pen.strokeStyle = colours[alive]; stroke(pen, state.picked, alive, x, y); }
  }
  pen.globalAlpha = 1;
};

// The part of a line while it is alive, or dead; a segment has the state of its first token, KL not finite breaks it.
const stroke = (pen, i, alive, x, y) => {
  pen.beginPath();
  let open = false;
  for (let k = 0; k < countOf[i]; k++) {
    const t = tokenOf(i, k), value = valueOf(kl[firstPoint[i] + k]);
    if (Number.isNaN(value)) { open = false; continue; }
    const height = y(value);
    if (open) pen.lineTo(x(t), height); else pen.moveTo(x(t), height);
    open = (t < state.death[i]) === alive;
  }
  pen.stroke();
};

const paintCurve = (panel, curve, agree) => {
  panel.curve.replaceChildren();
  const x = (t) => 30 + t / D.x_max * 262, y = (s) => 8 + (1 - s) * 84;
  for (const s of [0, 0.5, 1]) {
    drawing("line", { x1: 30, x2: 292, y1: y(s), y2: y(s), stroke: colour("--line") }, panel.curve);
    drawing("text", { x: 24, y: y(s) + 3, "text-anchor": "end" }, panel.curve).textContent = s;
  }
  let path = `M${x(0)},${y(1)}`, shown = Infinity;
  for (const row of curve) path += `H${x(row.fork)}V${y(row.survival)}`;
  // A little past its last fork: no further is it known, unless none is left.
  const past = (row) => row.survival > TOLERANCE ? Math.min(x(row.fork) + 10, x(D.x_max)) : x(D.x_max);
  if (curve.length) drawing("path", { d: `${path}H${past(curve[curve.length - 1])}`, fill: "none", stroke: colour("--ink"), "stroke-width": 1.8 }, panel.curve);
  if (!agree) drawing("text", { x: 161, y: 36, "text-anchor": "middle" }, panel.curve).textContent = "no S: fork grids differ";
  drawing("text", { x: 0, y: 118 }, panel.curve).textContent = "n";
  for (const row of [...curve].reverse()) {
    if (shown - x(row.fork) < 24) continue;
    shown = x(row.fork);
    // Under its fork, but whole: the last of them is at the edge.
    const under = (text) => Math.min(shown, 299 - 3 * String(text).length);
    drawing("text", { x: under(row.n_risk), y: 118, "text-anchor": "middle" }, panel.curve).textContent = row.n_risk;
    drawing("text", { x: under(row.fork), y: 105, "text-anchor": "middle", opacity: 0.6 }, panel.curve).textContent = row.fork;
  }
  const end = curve.length ? curve[curve.length - 1].survival : null;
  panel.curve.setAttribute("aria-label", `survival at alpha ${panel.alpha}: ${short(end)} at the last fork`);
};

const nearest = (panel, event) => {
  const { x, y } = size(panel), box = panel.canvas.getBoundingClientRect();
  const px = event.clientX - box.left, py = event.clientY - box.top;
  let best = null, least = 15 ** 2;
  for (const i of panel.members) {
    if (!drawn(i)) continue;
    for (let k = 0; k < countOf[i]; k++) {
      const t = tokenOf(i, k), value = valueOf(kl[firstPoint[i] + k]);
      const far = (x(t) - px) ** 2 + (y(value) - py) ** 2;
      if (far < least) { least = far; best = { i, t, value }; }
    }
  }
  return best;
};
const lastPmass = (i, t) => {
  const forks = forksOf(i);
  let found = null;
  for (let k = 0; k < forks.length && forks[k] <= t; k++) if (!Number.isNaN(pmass[firstFork[i] + k])) found = pmass[firstFork[i] + k];
  return found;
};
const hover = (panel, event) => {
  const hit = nearest(panel, event);
  $("hover").textContent = hit ? `${D.cells[cellOf[hit.i]].cell} · prompt ${promptOf[hit.i]} · t = ${hit.t} · ${D.kl_title} = ${short(hit.value)} · pmass ${short(lastPmass(hit.i, hit.t))}` : "\u00a0";
};
