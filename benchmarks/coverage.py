"""Do 95 % intervals cover 95 %? `python -m benchmarks.coverage [--runs 10000] [--seed 0] [--write docs/coverage.md]`.

In: simulated data whose truth is known. Out: tables of how often intervals cover it and tests reject what is true.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks import shares
from benchmarks.shares import APART, SHARED, Share
from benchmarks.simulated import EVEN, LOG, TOKEN, Design
from klsurv.inference import SCALES

Aim = tuple[float, float]
Found = dict[Any, Share]

SIZES = (30, 100)
DESIGNS = (LOG, EVEN, TOKEN)
# Forks at which S lies in 0.2 … 0.8.
SHOWN = {LOG: (3, 17, 31, 54, 96), EVEN: (20, 40, 60, 80, 96), TOKEN: (20, 40, 60, 80, 96)}
PROMPTS = (8, 30, 100)
RATIOS = {2.0: "twice the hazard", 1.0: "the same hazard"}
COVER, COVER_PROMPTS, SIZE, COVER_RATIO = (0.93, 0.97), (0.92, 0.98), (0.04, 0.06), (0.90, 1.0)

_INTRO = """# Coverage

Do the 95 % intervals cover the truth in 95 of 100 data sets, and do the tests reject in 5 of 100 in which nothing
differs? `python -m benchmarks.coverage --write docs/coverage.md` simulates data whose truth is known, asks klsurv's
own functions, and writes this page: {runs:,} data sets of each kind, {fewer:,} where prompts recur ({half:,} of
doses), {fewest:,} sweeps for the hazard model and {quarter:,} for the event study; seed {seed}.

**What is simulated.** Death comes at a continuous time (Weibull) and is seen at the first fork at or after it, on
three grids of forks from 0 to 96 tokens: log-spaced (0, 1, 2, 3, 6, 10, 17, 31, 54, 96; hazard falling with time,
S(96) = 0.25), every 4 tokens, and every token, as with the event `kl` (both: constant hazard, S(96) = 0.3). EOS ends
a rollout independently of death, and 27 % of those that live on before the window of 96 is full; some two thirds are
seen to die. n is the number of trajectories, in each group where there are several. The truth is exact: S at the
forks, and what follows from it.

**How to read.** Each entry is a percentage ± its Monte-Carlo standard error; **bold** is outside of what is aimed
for, by however little; what is for information is not marked. An interval covers if it holds the truth, its ends
included.
"""

_SURVIVAL = """
## S at a fork (aim: 93–97)

At forks where S lies in 0.2 … 0.8. The default is log-log; log and plain, as R has them, are for information: at n =
30 they fall short, log where few have died, plain at either end.
"""
_LIVES = """
## Median, restricted mean, and the difference of two (aim: 93–97)

The restricted mean's interval is rmst ± 1.96 rmst_error; the difference is `compare`'s, of groups of which the second
has half the hazard. `S before` and `S at` are the true S at the last fork before the median and at the median.

{lives}

The median is a fork, and so are the ends of its interval: where forks are far apart, as measured in S, an interval
that holds the median at all holds it with room to spare, and covers more often than 95 %. So does any interval that
is got by inverting the band of S on such a grid; on a grid of every token the figure is that of the level.

At n = 30 the restricted mean covers somewhat less than 95 %: its interval is normal and its variance Greenwood's, as
in survRM2, and neither allows for the error being estimated from 30.
"""
_SIZE = """
## Size of the tests (aim: 4–6)

How often p ≤ 0.05 where all die alike: two groups of n each; 3 strata of n/3 a group, whose hazards are as 1 : 2 : 4;
4 groups; and the trend over these 4.
"""
_CLUSTERED = """
## Prompts that recur (aim: 92–98)

The same prompts in both groups, each with 4 trajectories in either (as over 4 seeds), on the log-spaced grid. Log
hazards vary over prompts with a standard deviation of 1, alike in both groups: then the naive interval, which takes
all as independent, is too wide. Or they vary by 0.5 and, separately in each group, by 1: then it is too narrow. The
prompt bootstrap is right in both. Beside it, the plain percentiles of the same draws, which with
few prompts are too narrow; klsurv moves them outwards by Student's t and √(n / (n − 1)) (Hesterberg 2015). {draws:,}
draws.
"""
_POOLED = """
S at fork 31 ({truth:.3f}) of *one* group that pools several trajectories of each prompt, as over seeds; prompts differ
as in the first rows above (aim: 93–97). The interval of `klsurv survival` takes trajectories to be independent: right
with one of each prompt, too narrow with more, and klsurv warns. Then make the pooled column a group (`--by
seed,alpha`), or quote `klsurv dose` and `klsurv compare`, which draw whole prompts again.
"""
_STRATA = """
The size of the log-rank test on such data where the groups die alike on average (for information). Stratifying by
prompt helps where prompts differ alike in both groups. Where a method suits some prompts and not others, each prompt
is one piece of evidence, and both tests take it for 4: then only the bootstrap is to be believed.
"""
_DOSES = """
The bands of `dose`: 5 doses, one trajectory of each prompt at each, prompts that differ alike at all doses;
restricted mean and S(96) at the third dose, and ED50, whose truth is what linear interpolation between the doses
makes of the true S.
"""
_SPIKES = """
## Precursors (aim of the ratios: 90 and more)

Sweeps of 80 prompts × 2 doses × 3 seeds, forks 20 tokens apart. KL is noise with spikes of 10 tokens in a quarter of
the intervals; a spike doubles the interval's highest KL over the own scale exactly. In one sweep the hazard of death
in the interval after a spike is twice as high (hazard ratio per doubling: 2), in the other it is not (1); in both it
is proportional to alpha and independent of early KL.
"""
_STUDY = """
The event study of the same sweeps, over the lags of the interval before that in which death came and of that interval
itself. Each lag of each sweep counts; the bands are pointwise.
"""


def main() -> None:
    """Simulate, print, and write if asked."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage")
    parser.add_argument("--runs", type=int, default=10_000, help="data sets of each kind; the costly kinds have fewer")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", type=Path, help="a file for the page")
    options = parser.parse_args()
    # Many small products: a pool of threads within each process costs more than it saves.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    with ProcessPoolExecutor(max_workers=os.cpu_count(), mp_context=get_context("spawn")) as pool:
        page = _page(pool, runs=options.runs, seed=options.seed)
    print(page)
    if options.write:
        options.write.write_text(page)


def _page(pool: ProcessPoolExecutor, *, runs: int, seed: int) -> str:
    fewer, half, fewest, quarter = (max(runs // part, 2) for part in (5, 10, 50, 200))
    draws = 1000

    def start(function: Callable[..., Found], *places: Any, **keywords: Any) -> Future[Found]:
        return pool.submit(function, *places, seed=seed, **keywords)

    # The longest first.
    spikes = {ratio: start(shares.of_hazard, ratio=ratio, runs=fewest) for ratio in RATIOS}
    studies = {ratio: start(shares.of_study, ratio=ratio, runs=quarter) for ratio in RATIOS}
    prompts = {
        (design, n): start(shares.of_prompts, design, prompts=n, runs=fewer, draws=draws)
        for design in (SHARED, APART)
        for n in reversed(PROMPTS)
    }
    doses = {n: start(shares.of_doses, SHARED, prompts=n, runs=half, draws=draws) for n in SIZES}
    pooled = {n: start(shares.of_pooled, SHARED, prompts=n, runs=fewer) for n in PROMPTS}
    curves, lives, tests = (
        {(design, n): start(function, design, n=n, runs=runs) for design in DESIGNS for n in SIZES}
        for function in (shares.of_survival, shares.of_lifetimes, shares.of_tests)
    )
    parts = [
        _INTRO.format(runs=runs, fewer=fewer, half=half, fewest=fewest, quarter=quarter, seed=seed) + _SURVIVAL,
        _survival(_done(curves)),
        _LIVES.format(lives=_lives(_done(lives))) + _SIZE,
        _tests(_done(tests)),
        _CLUSTERED.format(draws=draws),
        _prompts(_done(prompts), ("naive", "prompt bootstrap", "plain percentiles"), COVER_PROMPTS),
        _STRATA,
        _prompts(_done(prompts), ("log-rank", "log-rank by prompt"), None),
        _POOLED.format(truth=SHARED.survival()[SHARED.forks.index(shares.AT_FORK)]),
        _table(
            ("prompts", *(f"{each} of each prompt" for each in shares.EACH)),
            ((str(n), *_shown(found.values(), COVER)) for n, found in _done(pooled).items()),
        ),
        _DOSES,
        _table(
            ("prompts", "restricted mean", "S(96)", "ED50"),
            ((str(n), *_shown(found.values(), COVER_PROMPTS)) for n, found in _done(doses).items()),
        ),
        _SPIKES,
        _table(
            ("after a spike", "ratio of the spike", "of alpha", "of early KL"),
            ((RATIOS[ratio], *_shown(found.values(), COVER_RATIO)) for ratio, found in _done(spikes).items()),
        ),
        _STUDY,
        _table(
            ("after a spike", "band above 0, lags of the spike", "holds 0, lags of the spike", "holds 0, other lags"),
            ((RATIOS[ratio], *_shown(found.values(), None)) for ratio, found in _done(studies).items()),
        ),
    ]
    return "\n".join(parts) + "\n"


def _done(futures: dict[Any, Future[Found]]) -> dict[Any, Found]:
    return {key: future.result() for key, future in futures.items()}


def _survival(found: dict[tuple[Design, int], Found]) -> str:
    rows = []
    for design, forks in SHOWN.items():
        truth = dict(zip(design.forks, design.survival(), strict=True))
        for fork in forks:
            cells = [
                _cell(found[design, n][fork, scale], COVER if scale == SCALES[0] else None)
                for n in SIZES
                for scale in SCALES
            ]
            rows.append((design.name, str(fork), f"{truth[fork]:.3f}", *cells))
    return _table(("forks", "fork", "S", *(f"n = {n}, {scale}" for n in SIZES for scale in SCALES)), rows)


def _lives(found: dict[tuple[Design, int], Found]) -> str:
    rows = []
    for (design, n), those in found.items():
        at = design.forks.index(design.median())
        around = (f"{s:.3f}" for s in design.survival()[at - 1 : at + 1])
        rows.append((design.name, *around, str(n), *_shown(those.values(), COVER)))
    return _table(("forks", "S before", "S at", "n", "median", "restricted mean", "difference"), rows)


def _tests(found: dict[tuple[Design, int], Found]) -> str:
    names = [f"{design.name}, n = {n}" for design, n in found]
    tests = next(iter(found.values()))
    return _table(("test", *names), ((test, *_shown((x[test] for x in found.values()), SIZE)) for test in tests))


def _prompts(found: dict[tuple[Design, int], Found], names: Sequence[str], aim: Aim | None) -> str:
    rows = [
        (design.name, str(n), *_shown((found[design, n][name] for name in names), aim))
        for design in (SHARED, APART)
        for n in PROMPTS
    ]
    return _table(("data", "prompts", *names), rows)


def _table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in [names, ["---"] * len(names), *rows])


def _shown(found: Iterable[Share], aim: Aim | None) -> list[str]:
    return [_cell(share, aim) for share in found]


def _cell(share: Share, aim: Aim | None) -> str:
    text = f"{100 * share.rate:.1f} ± {100 * share.error:.1f}"
    return text if aim is None or aim[0] <= share.rate <= aim[1] else f"**{text}**"


if __name__ == "__main__":
    main()
