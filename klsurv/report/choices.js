// What is chosen. In: threshold, filters, buttons. Out: panels, summary, story and CSV for it.

// What of a cell can be chosen, beside alpha.
const FACTS = ["method", "model", "layer", "window"];
const tables = { summary: [], survival: [], deaths: [] };
const update = () => {
  for (let i = 0; i < D.n; i++) state.death[i] = deathAt(i, state.threshold);
  const kept = (id) => new Set([...$(id).querySelectorAll("input:checked")].map((box) => box.value));
  const alphas = kept("filter-alpha"), facts = FACTS.map((name) => [name, kept(`filter-${name}`)]);
  state.chosen = [];
  for (let i = 0; i < D.n; i++) {
    const cell = D.cells[cellOf[i]];
    if (alphas.has(String(D.alphas[alphaOf[i]])) && facts.every(([name, left]) => left.has(String(cell[name])))) state.chosen.push(i);
  }
  for (const name in tables) tables[name] = [];
  for (const panel of panels) {
    const { members, curve, agree, row } = summaryOf(panel.alpha);
    panel.members = members;
    panel.box.hidden = !alphas.has(String(panel.alpha));
    if (panel.box.hidden) continue;
    const text = `α = ${panel.alpha}  n=${row.n}  died=${row.n_died}  cens=${row.n_censored}`;
    panel.heading.textContent = text;
    panel.canvas.setAttribute("aria-label", `KL of each trajectory, ${text}`);
    tables.summary.push(row);
    for (const at of curve) tables.survival.push({ alpha: panel.alpha, ...at });
    paintLines(panel);
    paintCurve(panel, curve, agree);
  }
  for (const i of state.chosen) {
    if (state.death[i] > genLen[i]) continue;
    tables.deaths.push({ cell: D.cells[cellOf[i]].cell, alpha: D.alphas[alphaOf[i]], prompt: promptOf[i], death_t: state.death[i] });
  }
  $("chosen").textContent = [`Death is pmass < ${state.threshold}`, ...["alpha", ...FACTS].flatMap(narrowed)].join("; ");
  $("threshold-value").textContent = `${tables.summary.reduce((n, row) => n + row.n_events, 0)} of ${state.chosen.length} trajectories died`;
  showSummary();
  showCsv();
  if (state.picked >= 0) tell(state.picked, false);
};

// What a filter leaves, in words: nothing where that is all. On paper there are no boxes.
const narrowed = (name) => {
  const boxes = [...$(`filter-${name}`).querySelectorAll("input")], left = boxes.filter((box) => box.checked);
  return left.length === boxes.length ? [] : [`${name} ${left.map((box) => box.parentElement.textContent.trim()).join(", ") || "none chosen"}`];
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
// Numbers in their order, what is unknown last; names as they come.
const inOrder = (a, b) => (a === null) - (b === null) || (typeof a === "number" ? a - b : 0);
for (const name of FACTS) filter(`filter-${name}`, distinct(usable.map((cell) => cell[name])).sort(inOrder));
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
  $("threshold-number").setCustomValidity(value >= 0 && value <= 1 ? "" : "between 0 and 1");
  $("threshold-number").reportValidity();
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
