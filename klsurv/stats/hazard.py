"""What raises the hazard? In: person-forks with covariates. Out: the table `hazard`: hazard ratios with intervals.

Complementary log-log regression of death in an interval on what was known before it, with an intercept per fork: the
grouped proportional hazards model (Prentice & Gloeckler 1978), whose coefficients are log hazard ratios.
"""

from __future__ import annotations

import warnings
from importlib.util import find_spec

import numpy as np
import polars as pl

from klsurv.errors import ParameterError
from klsurv.inference import Interval
from klsurv.stats.counted import Floats

# A standard error of the log hazard ratio between a column's ends; and a log that np.exp still takes.
FLAT, LARGEST = 100, 700
# Until no coefficient changes by more: where the likelihood hardly does, a coefficient may still be off by 0.002.
PRECISELY = {"tol_criterion": "params", "tol": 1e-10, "maxiter": 1000}
COVARIATES = {"log2_early_kl": "early_kl", "log2_spike": "spike", "log2_alpha": "alpha"}


def can_fit() -> bool:
    """Whether statsmodels, an extra, is installed."""
    return find_spec("statsmodels") is not None


def known(rows: pl.DataFrame) -> pl.DataFrame:
    """The person-forks of which every covariate is known, and positive, as their logarithms enter."""
    positive = pl.all_horizontal((pl.col(name) > 0) & pl.col(name).is_finite() for name in COVARIATES.values())
    return rows.filter(positive.fill_null(False))


def hazard(rows: pl.DataFrame, *, interval: Interval) -> list[dict[str, object]]:
    """One row per covariate: ratio per doubling, its interval and p; then each fork against the first.

    `rows` are `known` person-forks: event, fork, prompt, early_kl, spike, alpha. Forks at which none or all die are
    left out: their intercept takes up all they could say. Errors are clustered by prompt, with Student's t on one less
    than the number of prompts. Values are null where a covariate does not vary; all are where the fit has no single
    finite solution, as when values separate the dead from the living, or one covariate follows from others.

    Raises:
        ParameterError: statsmodels is not installed.
    """
    rows = rows.filter(pl.col("event").mean().over("fork").is_between(0, 1, closed="none"))
    forks = rows.get_column("fork").unique().sort().to_list()
    columns = {name: np.log2(rows.get_column(source).to_numpy()) for name, source in COVARIATES.items()}
    columns |= {f"fork {fork}": (rows.get_column("fork") == fork).cast(pl.Float64).to_numpy() for fork in forks[1:]}
    varied = [name for name, values in columns.items() if len(values) and np.ptp(values) > 1e-12]
    found = _fit(rows, {name: columns[name] for name in varied}, interval=interval)
    facts = {"n": rows.height, "n_events": int(rows.get_column("event").sum())}
    return [{"covariate": name, **facts, **found.get(name, {})} for name in columns]


def _fit(rows: pl.DataFrame, columns: dict[str, Floats], *, interval: Interval) -> dict[str, dict[str, float]]:
    try:
        # Not by way of statsmodels.api, which loads all of it.
        from statsmodels.genmod.families import Binomial
        from statsmodels.genmod.families.links import CLogLog
        from statsmodels.genmod.generalized_linear_model import GLM
    except ImportError:
        raise ParameterError("the hazard model needs statsmodels: pip install 'klsurv[hazard]'") from None
    prompts = rows.get_column("prompt").to_numpy()
    event = rows.get_column("event").cast(pl.Float64).to_numpy()
    if not columns or len(np.unique(prompts)) < 2:
        return {}
    design = np.column_stack([np.ones(rows.height), *(values - values.mean() for values in columns.values())])
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return {}
    model = GLM(event, design, family=Binomial(link=CLogLog()))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # Until the likelihood hardly changes, which it does soon where coefficients would grow without end: values
            # separate the dead from the living, it is flat, and only where the iteration stopped tells what is found.
            # The clustered error is then near 0; the model's own, over the range of a column, in the hundreds.
            near = model.fit()
            error = np.sqrt(np.diag(near.normalized_cov_params)) * np.ptp(design, axis=0)
            if not error.max() < FLAT:
                return {}
            fit = model.fit(near.params, **PRECISELY, cov_type="cluster", cov_kwds={"groups": prompts}, use_t=True)
    except (ValueError, np.linalg.LinAlgError):
        return {}
    limits = fit.conf_int(alpha=1 - interval.level)
    if not (fit.converged and np.abs(limits[1:]).max() < LARGEST):
        return {}
    return {
        name: {
            "hazard_ratio": float(np.exp(fit.params[i])),
            "ci_low": float(np.exp(limits[i][0])),
            "ci_high": float(np.exp(limits[i][1])),
            "p": float(fit.pvalues[i]),
        }
        for i, name in enumerate(columns, 1)
    }
