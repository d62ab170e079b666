"""How often klsurv's intervals cover the truth. In: designs whose truth is known. Out: shares of data sets.

Every interval and p is made by klsurv's own functions from counts, or from a frame for the precursors.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np
import polars as pl

import klsurv
from benchmarks.simulated import LOG, WINDOW, Design, Ints, clustered, counts, risk
from benchmarks.spikes import N_LAGS, SCORING, SPIKE_LAGS, sweep
from klsurv.inference import SCALES, Interval, LogRank, Resampling
from klsurv.stats import survival as surviving
from klsurv.stats.compare import compare
from klsurv.stats.counted import Counted, Floats
from klsurv.stats.dose import dose, ed50
from klsurv.stats.logrank import logrank
from klsurv.stats.resample import band, bootstrap

INTERVAL = Interval()
GROUPS = ["run", "group"]
# Hazards of the two groups whose difference is estimated; of the strata; of the doses.
PAIR = (1.0, 0.5)
LAYERS = (0.5, 1.0, 2.0)
# Trajectories of each prompt in a group that pools seeds, and the fork at which S is looked at.
EACH, AT_FORK = (1, 2, 4, 8), 31
DOSES = {0.25: 0.2, 0.5: 0.5, 1.0: 1.0, 1.5: 1.7, 2.0: 2.8}
# Prompts that differ in how fragile they are, alike under all methods; and prompts whom one method suits, one not.
SHARED = replace(LOG, name="prompts differ, alike in both groups", frailty=1.0)
APART = replace(LOG, name="prompts differ, otherwise in each group", frailty=0.5, interaction=1.0)
TESTS = (
    LogRank(),
    LogRank(test="wilcoxon"),
    LogRank(test="tarone-ware"),
    LogRank(test="peto"),
    LogRank(test="fh", rho=1.0),
    LogRank(test="fh", gamma=1.0),
)


@dataclass(frozen=True)
class Share:
    """How often something was so, of `runs`; `spread` is the standard error where these are not independent."""

    hits: int
    runs: int
    spread: float | None = None

    @property
    def rate(self) -> float:
        """The share."""
        return self.hits / self.runs

    @property
    def error(self) -> float:
        """Its Monte-Carlo standard error."""
        return float((self.rate * (1 - self.rate) / self.runs) ** 0.5) if self.spread is None else self.spread


Shares = dict[str, Share]


def of_survival(design: Design, *, n: int, runs: int, seed: int) -> dict[tuple[int, str], Share]:
    """Coverage of S, by fork and scale of the interval; of the data sets with any at risk at the fork."""
    table = risk(design, *counts(design, _rng(seed, design, n), runs=runs, n=n))
    truth = pl.DataFrame({"fork": design.forks, "truth": design.survival()})
    found: dict[tuple[int, str], Share] = {}
    for scale in SCALES:
        rows = surviving.survival(table, by=GROUPS, interval=Interval(ci=scale)).join(truth, on="fork")
        covers = pl.col("truth").is_between("ci_low", "ci_high")
        for fork, hits, total in rows.group_by("fork").agg(covers.sum(), n=pl.len()).rows():
            found[fork, scale] = Share(hits, total)
    return found


def of_pooled(design: Design, *, prompts: int, runs: int, seed: int) -> Shares:
    """Coverage of S at a fork where each prompt has several trajectories in a group, which the interval cannot know."""
    rng, at = _rng(seed, design, prompts), design.forks.index(AT_FORK)
    truth = float(design.survival()[at])
    found = {}
    for each in EACH:
        data = [clustered(design, rng, prompts=prompts, each=each, ratios=(1.0,)) for _ in range(runs)]
        n_risk, n_events = (
            np.stack([x.sum(axis=0) for x in column]).astype(np.int64)
            for column in ([one.n_risk for one in data], [one.n_events for one in data])
        )
        table = surviving.survival(risk(design, n_risk, n_events), by=GROUPS, interval=INTERVAL)
        covered = table.filter(fork=AT_FORK).select(pl.lit(truth).is_between("ci_low", "ci_high"))
        found[f"{each} of each prompt"] = Share(covered.to_series().sum(), covered.height)
    return found


def of_lifetimes(design: Design, *, n: int, runs: int, seed: int) -> Shares:
    """Coverage of the median, the restricted mean, and its difference between two groups of n."""
    n_risk, n_events = counts(design, _rng(seed, design, n), runs=runs, n=n, ratios=PAIR)
    lives = _lifetimes(design, n_risk, n_events)
    first = lives.filter(group=0)
    low, high = pl.col("median_low").fill_null(2 * WINDOW), pl.col("median_high").fill_null(2 * WINDOW)
    width = NormalDist().inv_cdf(0.975) * pl.col("rmst_error")
    means = [design.mean(ratio) for ratio in PAIR]
    covered = 0
    for run, of_run in enumerate(lives.partition_by("run", maintain_order=True)):
        counted = _counted(design, n_risk[run : run + 1], n_events[run : run + 1])
        row = compare(counted, of_run, by=["group"], test=LogRank(), interval=INTERVAL, draws=None).row(1, named=True)
        covered += row["ci_low"] <= means[0] - means[1] <= row["ci_high"]
    return {
        "median": Share(first.select(pl.lit(design.median()).is_between(low, high).sum()).item(), runs),
        "RMST": Share(first.select(((pl.col("rmst") - means[0]).abs() <= width).sum()).item(), runs),
        "RMST difference": Share(covered, runs),
    }


def of_tests(design: Design, *, n: int, runs: int, seed: int) -> Shares:
    """Size of the tests at 5 %: how often groups of n that die alike are told apart."""
    rng = _rng(seed, design, n)
    found = {}
    two = counts(design, rng, runs=runs, n=n, ratios=(1.0, 1.0))
    for test in TESTS:
        found[test.name] = _size(*(x[:, None] for x in two), test=test)
    layers = [counts(design, rng, runs=runs, n=n // len(LAYERS), ratios=(ratio, ratio)) for ratio in LAYERS]
    found["log-rank, 3 strata"] = _size(*(np.stack(x, axis=1) for x in zip(*layers, strict=True)))
    four = counts(design, rng, runs=runs, n=n, ratios=(1.0,) * 4)
    found["log-rank, 4 groups"] = _size(*(x[:, None] for x in four))
    found["trend over 4 groups"] = _size(*(x[:, None] for x in four), scores=np.array([0.5, 1.0, 2.0, 4.0]))
    return found


def of_prompts(design: Design, *, prompts: int, runs: int, seed: int, each: int = 4, draws: int = 2000) -> Shares:
    """Coverage of the RMST difference where prompts recur, and the size of the log-rank test on such data."""
    rng = _rng(seed, design, prompts)
    truth = design.mean(PAIR[0]) - design.mean(PAIR[1])
    data = [clustered(design, rng, prompts=prompts, each=each, ratios=PAIR) for _ in range(runs)]
    found: Counter[str] = Counter()
    for run, (counted, lives) in enumerate(_with_lifetimes(design, data)):
        drawn = bootstrap(counted, tau=WINDOW, resampling=Resampling(draws=draws, seed=seed + run))
        table = compare(_pooled(counted), lives, by=["group"], test=LogRank(), interval=INTERVAL, draws=drawn)
        row = table.row(1, named=True)
        plain = band(drawn.rmst[0] - drawn.rmst[1], interval=INTERVAL)
        found["naive"] += row["ci_low"] <= truth <= row["ci_high"]
        found["prompt bootstrap"] += row["boot_low"] <= truth <= row["boot_high"]
        found["plain percentiles"] += plain[0] is not None and plain[1] is not None and plain[0] <= truth <= plain[1]
        null = clustered(design, rng, prompts=prompts, each=each, ratios=(1.0, 1.0))
        for name, tested in (("log-rank", _pooled(null)), ("log-rank by prompt", null)):
            p = logrank(tested.n_risk, tested.n_events, test=LogRank()).p
            found[name] += p is not None and p <= 0.05
    return {name: Share(hits, runs) for name, hits in found.items()}


def of_doses(design: Design, *, prompts: int, runs: int, seed: int, draws: int = 1000) -> Shares:
    """Coverage of the bands of RMST and S at the end of the middle dose, and of ED50, one trajectory a prompt and dose.

    ED50's truth is what linear interpolation between the doses makes of the true S.
    """
    rng = _rng(seed, design, prompts)
    alphas, ratios = np.array(list(DOSES)), tuple(DOSES.values())
    curves = np.array([[design.survival(ratio)[-1] for ratio in ratios]])
    middle = len(alphas) // 2
    truth = {"rmst": design.mean(ratios[middle]), "survival": float(curves[0, middle])}
    half = float(ed50(curves, alphas, np.ones(len(alphas)))[0])
    data = [clustered(design, rng, prompts=prompts, each=1, ratios=ratios) for _ in range(runs)]
    found: Counter[str] = Counter()
    for run, (counted, lives) in enumerate(_with_lifetimes(design, data)):
        drawn = bootstrap(counted, tau=WINDOW, resampling=Resampling(draws=draws, seed=seed + run))
        lives = lives.with_columns(alpha=pl.Series(alphas), n=pl.lit(prompts), survival_tau="survival_end")
        table = dose(lives, _pooled(counted), drawn, by=(), interval=INTERVAL)
        row = table.row(middle, named=True)
        for name, value in truth.items():
            found[name] += row[f"{name}_low"] <= value <= row[f"{name}_high"]
        low, high = row["ed50_low"], row["ed50_high"]
        found["ed50"] += (low is None or low <= half) and (high is None or half <= high)
    return {name: Share(hits, runs) for name, hits in found.items()}


def of_hazard(*, ratio: float, runs: int, seed: int, prompts: int = 80) -> Shares:
    """Coverage of the hazard model's ratios, in sweeps in which the hazard is `ratio` times as high after a spike."""
    truth = {"log2_spike": ratio, "log2_alpha": 2.0, "log2_early_kl": 1.0}
    found: Counter[str] = Counter()
    for run in range(runs):
        frame = sweep(np.random.default_rng([seed, run]), ratio=ratio, prompts=prompts)
        table = klsurv.scan(frame).hazard(**SCORING)
        for name, low, high in table.select("covariate", "ci_low", "ci_high").rows():
            if name in truth:
                found[name] += low is not None and low <= truth[name] <= high
    return {name: Share(found[name], runs) for name in truth}


def of_study(*, ratio: float, runs: int, seed: int, prompts: int = 80, draws: int = 500) -> Shares:
    """How often the event study's band lies above 0 at the lags of the spike, and holds 0 at all others."""
    spiked = pl.col("lag").is_in(list(SPIKE_LAGS))
    above, holds = pl.col("difference_low") > 0, pl.lit(0).is_between("difference_low", "difference_high")
    wanted = {"above": above.filter(spiked), "in spike": holds.filter(spiked), "elsewhere": holds.filter(~spiked)}
    parts = []
    for run in range(runs):
        frame = sweep(np.random.default_rng([seed, run]), ratio=ratio, prompts=prompts)
        table = klsurv.scan(frame).study(lags=N_LAGS, bootstrap=draws, seed=run, **SCORING).filter(measure="relative")
        parts.append(table.select(**{name: hits.sum() for name, hits in wanted.items()}))
    hits = pl.concat(parts)
    at = {"above": len(SPIKE_LAGS), "in spike": len(SPIKE_LAGS), "elsewhere": N_LAGS - len(SPIKE_LAGS)}
    return {
        name: Share(int(of_run.sum()), runs * at[name], float(np.std(of_run / at[name], ddof=1) / np.sqrt(runs)))
        for name, of_run in ((name, hits.get_column(name).to_numpy()) for name in at)
    }


def _rng(seed: int, design: Design, n: int) -> np.random.Generator:
    return np.random.default_rng([seed, n, *design.name.encode()])


def _lifetimes(design: Design, n_risk: Ints, n_events: Ints) -> pl.DataFrame:
    curves = surviving.survival(risk(design, n_risk, n_events), by=GROUPS, interval=INTERVAL)
    return surviving.lifetimes(curves, by=GROUPS, tau_at=WINDOW)


def _with_lifetimes(design: Design, data: list[Counted]) -> Iterable[tuple[Counted, pl.DataFrame]]:
    """Each data set with its groups' lifetimes, and with `n_events` beside these; those of all are made at once."""
    n_risk, n_events = (np.stack([getattr(x, name).sum(0) for x in data]) for name in ("n_risk", "n_events"))
    lives = _lifetimes(design, n_risk.astype(np.int64), n_events.astype(np.int64))
    lives = lives.with_columns(n_events=pl.Series(n_events.sum(-1).ravel()))
    return zip(data, lives.partition_by("run", maintain_order=True), strict=True)


def _counted(design: Design, n_risk: Ints, n_events: Ints) -> Counted:
    groups = pl.DataFrame({"group": np.arange(n_risk.shape[1])})
    return Counted(groups, pl.DataFrame(), np.array(design.forks), n_risk.astype(float), n_events.astype(float))


def _pooled(counted: Counted) -> Counted:
    """The same as one stratum."""
    n_risk, n_events = (x.sum(0, keepdims=True) for x in (counted.n_risk, counted.n_events))
    return replace(counted, strata=pl.DataFrame(), n_risk=n_risk, n_events=n_events)


def _size(n_risk: Ints, n_events: Ints, *, test: LogRank = TESTS[0], scores: Floats | None = None) -> Share:
    """Share of data sets, counts of shape (runs, strata, groups, forks), with p ≤ 0.05."""
    p = [
        logrank(n.astype(float), d.astype(float), test=test, scores=scores).p
        for n, d in zip(n_risk, n_events, strict=True)
    ]
    return Share(sum(value is not None and value <= 0.05 for value in p), len(p))
