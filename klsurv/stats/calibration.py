"""Is c_star stable, and does it hold? In: cells, held-out KL quantiles. Out: the tables of calibration."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.special import stdtrit

from klsurv.inference import Interval
from klsurv.schema import BAND, CALIBRATION, HELDOUT, RUN


def heldout(cells: pl.DataFrame, quantiles: pl.DataFrame) -> pl.DataFrame:
    """The table `heldout`: per model, method, layer, window and alpha, p95 of held-out KL against the target.

    `quantiles` has these columns and `kl_p95` (nats).
    """
    targets = cells.group_by(RUN).agg(target=pl.col("target_kl").drop_nulls().unique())
    one = pl.when(pl.col("target").list.len() == 1).then(pl.col("target").list.first())
    ratio = pl.col("kl_p95") / pl.col("target_kl")
    return (
        quantiles.join(targets, on=RUN, how="left", nulls_equal=True)
        .with_columns(target_kl=one * pl.col("alpha").pow(2))
        .with_columns(pl.when(pl.col("target_kl").is_finite()).then("target_kl"))
        .with_columns(ratio=pl.when(pl.col("target_kl") > 0).then(ratio))
        .with_columns(in_band=pl.col("ratio").is_between(*BAND))
        .sort(*RUN, "alpha", nulls_last=True)
        .select(HELDOUT.names)
    )


def calibration(cells: pl.DataFrame, heldout: pl.DataFrame, *, interval: Interval) -> pl.DataFrame:
    """The table `calibration`: per model, method, layer and window, c_star over seeds, p95 at alpha 1, exponent of KL.

    The exponent is the slope of log kl_p95 on log alpha over the positive doses, by least squares, with Student's
    interval.
    """
    n_seeds, c_star = pl.col("seed").n_unique(), pl.col("c_star")
    several = pl.col("seed").filter(c_star.is_not_null()).n_unique() > 1
    seeds = cells.group_by(RUN).agg(
        n_cells=pl.col("cell").n_unique().cast(pl.Int64),
        n_seeds=n_seeds.cast(pl.Int64),
        c_star_mean=c_star.mean(),
        c_star_std=pl.when(several).then(c_star.std(ddof=1)),
        free=c_star.count().cast(pl.Int64) - 1,
    )
    student = -stdtrit(seeds.get_column("free").to_numpy(), (1 - interval.level) / 2)
    seeds = seeds.with_columns(student=pl.Series(student))
    width = pl.col("student") * pl.col("c_star_std") / (pl.col("free") + 1).sqrt()
    at_one = heldout.filter(pl.col("alpha") == 1).select(*RUN, "kl_p95", "ratio", "in_band")
    powers = [
        {**dict(zip(RUN, part.select(RUN).row(0), strict=True)), **_exponent(part, interval)}
        for part in heldout.partition_by(RUN, maintain_order=True)
    ]
    exponents = pl.DataFrame(powers, schema={name: CALIBRATION.schema[name] for name in (*RUN, *_EXPONENT)})
    return (
        seeds.join(at_one, on=RUN, how="left", nulls_equal=True)
        .join(exponents, on=RUN, how="left", nulls_equal=True)
        .with_columns(c_star_cv=pl.col("c_star_std") / pl.col("c_star_mean"))
        .with_columns(c_star_low=pl.col("c_star_mean") - width, c_star_high=pl.col("c_star_mean") + width)
        .sort(RUN, nulls_last=True)
        .select(CALIBRATION.names)
    )


_EXPONENT = ("exponent", "exponent_low", "exponent_high", "n_doses")


def _exponent(heldout: pl.DataFrame, interval: Interval) -> dict[str, float | int | None]:
    points = heldout.filter((pl.col("alpha") > 0) & (pl.col("kl_p95") > 0)).select("alpha", "kl_p95").to_numpy()
    found: dict[str, float | int | None] = dict.fromkeys(_EXPONENT) | {"n_doses": len(points)}
    if len(points) < 2:
        return found
    x, y = np.log(points).T
    x, y = x - x.mean(), y - y.mean()
    slope = float(x @ y / (x @ x))
    found["exponent"] = slope
    if len(points) > 2:
        free = len(points) - 2
        error = float(np.sqrt(((y - slope * x) ** 2).sum() / free / (x @ x)))
        width = -float(stdtrit(free, (1 - interval.level) / 2)) * error
        found |= {"exponent_low": slope - width, "exponent_high": slope + width}
    return found
