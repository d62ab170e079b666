// One trajectory. In: which. Out: how it ended, its forks, and what was said up to its death and after.

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
  if (!move) return;
  // Not under the threshold, which stays at the top.
  story.style.scrollMarginTop = `${$("choices").offsetHeight + 8}px`;
  $("pick-cell").value = cellOf[i];
  offerAlphas();
  $("pick-alpha").value = alphaOf[i];
  offerPrompts();
  $("pick-prompt").value = promptOf[i];
  story.focus({ preventScroll: true });
  story.scrollIntoView({ block: "start" });
};
