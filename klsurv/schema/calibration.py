"""The tables of calibration: its spread over seeds, what it promised, how it was found.

In: nothing. Out: declarations.
"""

from __future__ import annotations

from typing import Final

from klsurv.schema.declare import Column, Table

_I: Final = "Int64"
_F: Final = "Float64"
_S: Final = "String"
_MODEL = (
    Column("model", _S, "", "name of the model; null where unknown"),
    Column("method", _S, "", "how the steering vector was found; null where unknown"),
    Column("layer", _I, "", "layer that was steered; null where unknown"),
    Column("window", _I, "tokens", "most tokens a rollout may have"),
)
# Held-out p95 KL over its target: a calibration that holds on new prompts is within.
BAND = (0.7, 1.4)
_IN_BAND = Column("in_band", "Boolean", "", "whether the ratio is within {:g}–{:g}; null with it".format(*BAND))

CALIBRATION = Table(
    "calibration",
    "model, method, layer, window",
    (
        *_MODEL,
        Column("n_cells", _I, "cells", "usable cells"),
        Column("n_seeds", _I, "seeds", "seeds among them; an unknown seed counts as one"),
        Column("c_star_mean", _F, "", "mean calibrated coefficient; null where unknown"),
        Column("c_star_std", _F, "", "standard deviation (n − 1); null with one seed"),
        Column("c_star_low", _F, "", "lower bound of the mean (Student's t over cells); null with one seed"),
        Column("c_star_high", _F, "", "upper bound"),
        Column("c_star_cv", _F, "", "c_star_std / c_star_mean; null with one seed"),
        Column("kl_p95", _F, "nats", "95th percentile of held-out per-token KL at alpha = 1; null: there is none"),
        Column("ratio", _F, "", "kl_p95 over the target; null where one of them is unknown"),
        _IN_BAND,
        Column(
            "exponent", _F, "", "slope of log kl_p95 on log alpha; 2 where KL grows as alpha²; null: one dose or none"
        ),
        Column("exponent_low", _F, "", "lower bound (Student's t); null with fewer than 3 doses"),
        Column("exponent_high", _F, "", "upper bound"),
        Column("n_doses", _I, "doses", "positive doses in the fit"),
    ),
)

HELDOUT = Table(
    "heldout",
    "model, method, layer, window, alpha",
    (
        *_MODEL,
        Column("alpha", _F, "c_star", "dose"),
        Column("kl_p95", _F, "nats", "95th percentile of the finite held-out per-token KL; null: there is none"),
        Column(
            "target_kl",
            _F,
            "nats",
            "target × alpha², as KL should grow; null where targets differ, are unknown or not finite",
        ),
        Column("ratio", _F, "", "kl_p95 / target_kl; null at alpha = 0, and where one of them is unknown"),
        _IN_BAND,
    ),
)

BISECTION = Table(
    "bisection",
    "cell, step",
    (
        Column("cell", _S, "", "name of the run cell"),
        Column("step", _I, "", "0-based, in the order of history.json"),
        Column("coeff", _F, "", "coefficient tried"),
        Column("kl_mean", _F, "nats", "mean per-token KL at it, on the calibration prompts"),
        Column("kl_p50", _F, "nats", "median"),
        Column("kl_p90", _F, "nats", "90th percentile"),
        Column("kl_p95", _F, "nats", "95th percentile, which the bisection brings to the target"),
        Column("kl_max", _F, "nats", "maximum"),
        Column("n_pos", _I, "tokens", "token positions measured"),
    ),
)
