"use strict";
// Data in: the payload in the page. Out: panels, summary, story and CSV for the threshold and the choice made.
// Text from outside only ever becomes a text node or an attribute's value.
(async () => {
  const $ = (id) => document.getElementById(id);
  const SVG = "http://www.w3.org/2000/svg";
  const TOLERANCE = 1e-12;

  const bytesOf = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const stream = new Blob([bytesOf($("payload").textContent.trim())]).stream().pipeThrough(new DecompressionStream("gzip"));
  const D = JSON.parse(await new Response(stream).text());
  const unpacked = (text, Kind) => new Kind(bytesOf(text).buffer);

  const cellOf = unpacked(D.cell, Uint32Array), alphaOf = unpacked(D.alpha, Uint16Array);
  const promptOf = unpacked(D.prompt, Uint32Array), genLen = unpacked(D.gen_len, Uint32Array);
  const lengthOf = unpacked(D.length, Uint32Array), gridOf = unpacked(D.grid, Uint16Array);
  const flags = unpacked(D.flags, Uint8Array), pmass = unpacked(D.pmass, Float64Array);
  const countOf = unpacked(D.count, Uint16Array), kl = unpacked(D.kl, Uint16Array);
  const forksOf = (i) => D.grids[gridOf[i]];
  const firstFork = new Uint32Array(D.n + 1), firstPoint = new Uint32Array(D.n + 1);
  for (let i = 0; i < D.n; i++) {
    firstFork[i + 1] = firstFork[i] + forksOf(i).length;
    firstPoint[i + 1] = firstPoint[i] + countOf[i];
  }
  const ended = (i) => (flags[i] & 1) !== 0, drawn = (i) => (flags[i] & 2) !== 0, failed = (i) => (flags[i] & 4) !== 0;
  const valueOf = (level) => level === D.scale.missing ? NaN
    : D.scale.smallest * Math.expm1(level / D.scale.steps * Math.log1p(D.scale.largest / D.scale.smallest));
  // The token of the k-th point of a line: the same even spacing with which it was sampled.
  const tokenOf = (i, k) => {
    const gaps = countOf[i] - 1;
    return gaps < 1 ? 0 : Math.floor((2 * k * (lengthOf[i] - 1) + gaps) / (2 * gaps));
  };

  const state = { threshold: D.threshold, death: new Float64Array(D.n), chosen: [], picked: -1 };

  // R4: the first fork with pmass strictly below the threshold; a missing pmass (NaN) never is.
  const deathAt = (i, threshold) => {
    const forks = forksOf(i);
    for (let k = 0; k < forks.length; k++) if (pmass[firstFork[i] + k] < threshold) return forks[k];
    return Infinity;
  };

  // R8: counts and Kaplan–Meier over some trajectories, one row per fork at which any is at risk.
  const survivalOf = (members) => {
    const rows = new Map();
    for (const i of members) {
      const forks = forksOf(i);
      let last = null;
      for (let k = 0; k < forks.length; k++) {
        const fork = forks[k];
        if (fork > genLen[i] || fork > state.death[i] || Number.isNaN(pmass[firstFork[i] + k])) continue;
        last = fork;
        if (!rows.has(fork)) rows.set(fork, { fork, n_risk: 0, n_events: 0, n_censored: 0 });
        rows.get(fork).n_risk += 1;
      }
      if (last !== null) rows.get(last)[last === state.death[i] ? "n_events" : "n_censored"] += 1;
    }
    let survival = 1;
    return [...rows.values()].sort((a, b) => a.fork - b.fork).map((row) => {
      survival *= 1 - row.n_events / row.n_risk;
      return { ...row, survival };
    });
  };

  const summaryOf = (alpha) => {
    const members = state.chosen.filter((i) => D.alphas[alphaOf[i]] === alpha);
    const count = (holds) => members.filter(holds).length;
    const died = (i) => state.death[i] <= genLen[i];
    const seen = (i) => drawn(i) && lengthOf[i] >= 2;
    const curve = survivalOf(members);
    const half = curve.find((row) => row.survival <= 0.5 + TOLERANCE);
    return {
      members, curve,
      row: {
        alpha, n: members.length, n_skipped: count((i) => !drawn(i)),
        n_died: count((i) => seen(i) && state.death[i] <= lengthOf[i] - 1),
        n_censored: count((i) => seen(i) && ended(i)),
        n_events: count(died), n_eos: count((i) => !died(i) && ended(i)), n_running: count((i) => !died(i) && !ended(i)),
        n_failed: count(failed), median: half ? half.fork : null,
        survival_end: curve.length ? curve[curve.length - 1].survival : null,
      },
    };
  };

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

  const size = (panel) => {
    const width = panel.canvas.clientWidth || 280, height = panel.canvas.clientHeight || 170;
    return { width, height, x: (t) => 30 + t / D.x_max * (width - 36), y: (v) => (1 - v / D.y_max) * (height - 18) + 4 };
  };

  const paintLines = (panel) => {
    const { width, height, x, y } = size(panel), ratio = window.devicePixelRatio || 1;
    panel.canvas.width = width * ratio;
    panel.canvas.height = height * ratio;
    const pen = panel.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.fillStyle = colour("--faint");
    pen.font = "10px sans-serif";
    for (const share of [0, 0.5, 1]) pen.fillText(short(share * D.y_max), 0, y(share * D.y_max) + 3);
    for (const share of [0, 0.5, 1]) {
      pen.textAlign = share === 1 ? "right" : "center";
      pen.fillText(String(Math.round(share * D.x_max)), x(share * D.x_max), height - 2);
    }
    pen.textAlign = "left";
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
      const height = y(Math.min(value, D.y_max * 1.02));
      if (open) pen.lineTo(x(t), height); else pen.moveTo(x(t), height);
      open = (t < state.death[i]) === alive;
      if (!open) pen.moveTo(x(t), height);
      else continue;
      open = false;
    }
    pen.stroke();
  };

  const paintCurve = (panel, curve) => {
    panel.curve.replaceChildren();
    const x = (t) => 30 + t / D.x_max * 262, y = (s) => 8 + (1 - s) * 84;
    for (const s of [0, 0.5, 1]) {
      drawing("line", { x1: 30, x2: 292, y1: y(s), y2: y(s), stroke: colour("--line") }, panel.curve);
      drawing("text", { x: 24, y: y(s) + 3, "text-anchor": "end" }, panel.curve).textContent = s;
    }
    let path = `M${x(0)},${y(1)}`, shown = Infinity;
    for (const row of curve) path += `H${x(row.fork)}V${y(row.survival)}`;
    if (curve.length) drawing("path", { d: `${path}H${x(D.x_max)}`, fill: "none", stroke: colour("--ink"), "stroke-width": 1.8 }, panel.curve);
    drawing("text", { x: 0, y: 118 }, panel.curve).textContent = "n";
    for (const row of [...curve].reverse()) {
      if (shown - x(row.fork) < 24) continue;
      shown = x(row.fork);
      drawing("text", { x: shown, y: 118, "text-anchor": "middle" }, panel.curve).textContent = row.n_risk;
      drawing("text", { x: shown, y: 105, "text-anchor": "middle", opacity: 0.6 }, panel.curve).textContent = row.fork;
    }
    const end = curve.length ? curve[curve.length - 1].survival : null;
    panel.curve.setAttribute("aria-label", `survival at alpha ${panel.alpha}: ${short(end)} at the last fork`);
  };

  const tables = { summary: [], survival: [], deaths: [] };
  const update = () => {
    for (let i = 0; i < D.n; i++) state.death[i] = deathAt(i, state.threshold);
    const kept = (id) => new Set([...$(id).querySelectorAll("input:checked")].map((box) => box.value));
    const alphas = kept("filter-alpha"), methods = kept("filter-method"), models = kept("filter-model");
    state.chosen = [];
    for (let i = 0; i < D.n; i++) {
      const cell = D.cells[cellOf[i]];
      if (alphas.has(String(D.alphas[alphaOf[i]])) && methods.has(String(cell.method)) && models.has(String(cell.model))) state.chosen.push(i);
    }
    for (const name in tables) tables[name] = [];
    for (const panel of panels) {
      const { members, curve, row } = summaryOf(panel.alpha);
      panel.members = members;
      panel.box.hidden = !alphas.has(String(panel.alpha));
      if (panel.box.hidden) continue;
      const text = `α = ${panel.alpha}  n=${row.n}  died=${row.n_died}  cens=${row.n_censored}`;
      panel.heading.textContent = text;
      panel.canvas.setAttribute("aria-label", `KL of each trajectory, ${text}`);
      tables.summary.push(row);
      for (const at of curve) tables.survival.push({ alpha: panel.alpha, ...at });
      paintLines(panel);
      paintCurve(panel, curve);
    }
    for (const i of state.chosen) {
      if (state.death[i] > genLen[i]) continue;
      tables.deaths.push({ cell: D.cells[cellOf[i]].cell, alpha: D.alphas[alphaOf[i]], prompt: promptOf[i], death_t: state.death[i] });
    }
    $("threshold-value").textContent = `${tables.summary.reduce((n, row) => n + row.n_events, 0)} of ${state.chosen.length} trajectories died`;
    showSummary();
    showCsv();
    if (state.picked >= 0) tell(state.picked, false);
  };

  const showSummary = () => {
    $("summary").replaceChildren();
    const columns = Object.keys(tables.summary[0] || { alpha: 0 });
    const head = element("tr", undefined, element("thead", undefined, $("summary")));
    for (const name of columns) element("th", name, head);
    const body = element("tbody", undefined, $("summary"));
    for (const row of tables.summary) {
      const line = element("tr", undefined, body);
      for (const name of columns) element("td", name === "alpha" ? String(row[name]) : short(row[name]), line);
    }
  };

  const quoted = (value) => value === null ? "" : /[",\r\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value);
  const showCsv = () => {
    const rows = tables[$("csv-table").value], names = rows.length ? Object.keys(rows[0]) : [];
    $("csv").value = [names.join(","), ...rows.map((row) => names.map((name) => quoted(row[name])).join(","))].join("\n");
  };

  const nearest = (panel, event) => {
    const { x, y } = size(panel), box = panel.canvas.getBoundingClientRect();
    const px = event.clientX - box.left, py = event.clientY - box.top;
    let best = null, least = 15 ** 2;
    for (const i of panel.members) {
      if (!drawn(i)) continue;
      for (let k = 0; k < countOf[i]; k++) {
        const t = tokenOf(i, k), value = valueOf(kl[firstPoint[i] + k]);
        const far = (x(t) - px) ** 2 + (y(Math.min(value, D.y_max * 1.02)) - py) ** 2;
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
    $("hover").textContent = hit ? `${D.cells[cellOf[hit.i]].cell} · prompt ${promptOf[hit.i]} · t = ${hit.t} · KL ${short(hit.value)} · pmass ${short(lastPmass(hit.i, hit.t))}` : "\u00a0";
  };

  // The story of one trajectory: how it ended, its forks, and what was said up to its death and after.
  const tell = (i, move) => {
    const story = $("story"), cell = D.cells[cellOf[i]], death = state.death[i], died = death <= genLen[i];
    state.picked = i;
    story.replaceChildren();
    element("h4", `${cell.cell} · α = ${D.alphas[alphaOf[i]]} · prompt ${promptOf[i]}`, story);
    const end = ended(i) ? "ended its answer" : "reached the window";
    element("p", died ? `Died at fork ${death}; generated ${genLen[i]} tokens and ${end}.` : `Alive at every fork; generated ${genLen[i]} tokens and ${end}.`, story);
    const text = D.texts[i], holder = element("div", undefined, story);
    holder.className = "wide";
    const table = element("table", undefined, holder), head = element("tr", undefined, element("thead", undefined, table));
    for (const name of ["t", "pmass", "", ...(text ? ["p_true", "argmax"] : [])]) element("th", name, head);
    const body = element("tbody", undefined, table);
    forksOf(i).forEach((fork, k) => {
      if (fork > genLen[i]) return;
      const value = pmass[firstFork[i] + k], line = element("tr", undefined, body);
      element("td", fork, line);
      element("td", Number.isNaN(value) ? "failed" : value.toFixed(4), line);
      element("td", fork === death ? "death" : value < state.threshold ? "below" : "", line).className = "dead";
      if (!text) return;
      const answer = text[3][fork] || [null, ""];
      element("td", short(answer[0]), line);
      element("td", answer[1], line);
    });
    if (text) {
      element("h4", "Prompt", story);
      element("pre", text[0], story);
      // Where in the text a token stands is not recorded; its share of the length is near enough to read on.
      const cut = died && genLen[i] ? Math.round(text[2] * death / genLen[i]) : text[1].length;
      element("h4", died ? "Text up to its death (about)" : "Text", story);
      element("pre", text[1].slice(0, cut) || "(nothing)", story);
      if (died) {
        element("h4", "and after", story);
        element("pre", text[1].slice(cut) || "(beyond what this page holds)", story).className = "after";
      }
      if (text[1].length < text[2]) element("p", `${text[1].length} of ${text[2]} characters are in this page.`, story).className = "sub";
    } else {
      element("p", "What it said is not in this page (no gens.jsonl).", story).className = "sub";
    }
    for (const panel of panels) if (!panel.box.hidden) paintLines(panel);
    if (move) story.focus();
  };

  // Choices.
  const filter = (id, values) => {
    for (const value of values) {
      const label = element("label", undefined, $(id)), box = element("input", undefined, label);
      box.type = "checkbox";
      box.checked = true;
      box.value = String(value);
      label.append(` ${value === null ? "unknown" : value}`);
      box.addEventListener("change", update);
    }
    if (values.length < 2) $(id).hidden = true;
  };
  const distinct = (values) => [...new Set(values)];
  const usable = D.cells.filter((_, k) => cellOf.includes(k));
  filter("filter-alpha", D.alphas);
  filter("filter-method", distinct(usable.map((cell) => cell.method)));
  filter("filter-model", distinct(usable.map((cell) => cell.model)));
  const options = (id, values, name) => {
    $(id).replaceChildren();
    for (const value of values) { const option = element("option", name(value), $(id)); option.value = value; }
  };
  options("pick-cell", distinct([...cellOf]), (k) => D.cells[k].cell);
  const offered = (holds, of) => distinct([...Array(D.n).keys()].filter(holds).map(of)).sort((a, b) => a - b);
  const offerAlphas = () => {
    options("pick-alpha", offered((i) => cellOf[i] === Number($("pick-cell").value), (i) => alphaOf[i]), (a) => D.alphas[a]);
    offerPrompts();
  };
  const offerPrompts = () => {
    const holds = (i) => cellOf[i] === Number($("pick-cell").value) && alphaOf[i] === Number($("pick-alpha").value);
    options("pick-prompt", offered(holds, (i) => promptOf[i]), String);
  };
  $("pick-cell").addEventListener("change", offerAlphas);
  $("pick-alpha").addEventListener("change", offerPrompts);
  if (D.n) offerAlphas();
  $("pick").addEventListener("submit", (event) => {
    event.preventDefault();
    for (let i = 0; i < D.n; i++) {
      if (cellOf[i] === Number($("pick-cell").value) && alphaOf[i] === Number($("pick-alpha").value) && promptOf[i] === Number($("pick-prompt").value)) { tell(i, true); return; }
    }
  });

  let waiting = false;
  const choose = (text) => {
    const value = Number(text);
    if (text === "" || !(value >= 0 && value <= 1)) return;
    state.threshold = value;
    $("threshold").value = value;
    if (document.activeElement !== $("threshold-number")) $("threshold-number").value = value;
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; update(); });
  };
  $("threshold").addEventListener("input", (event) => choose(event.target.value));
  $("threshold-number").addEventListener("input", (event) => choose(event.target.value));
  $("csv-table").addEventListener("change", showCsv);
  $("csv-copy").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText($("csv").value);
      $("csv-said").textContent = "copied";
    } catch {
      $("csv").select();
      $("csv-said").textContent = document.execCommand("copy") ? "copied" : "select all and copy";
    }
  });
  let resizing = 0;
  window.addEventListener("resize", () => { clearTimeout(resizing); resizing = setTimeout(update, 150); });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", update);
  $("threshold").value = $("threshold-number").value = state.threshold;
  update();
  document.body.dataset.ready = "true";
})();
