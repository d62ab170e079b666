// The runs. In: the payload in the page. Out: what was measured, and death, counts and survival at a threshold.
// Of the page's scripts, which are put together as one module, this is the first: data, panels, story, choices.
// Text from outside only ever becomes a text node or an attribute's value.

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

// Whether each fork grid is the beginning of the longest: else S at a fork is not a product of counts.
const agreeing = (members) => {
  const grids = [...new Set(members.map((i) => gridOf[i]))].map((grid) => D.grids[grid]);
  const longest = grids.reduce((a, b) => b.length > a.length ? b : a, []);
  return grids.every((grid) => grid.every((fork, k) => fork === longest[k]));
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
  const agree = agreeing(members), curve = agree ? survivalOf(members) : [];
  const half = curve.find((row) => row.survival <= 0.5 + TOLERANCE);
  return {
    members, curve, agree,
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
