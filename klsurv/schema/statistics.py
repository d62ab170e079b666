"""The tables of statistics: counts, survival, incidence, comparisons, dose, threshold, precursors.

In: nothing. Out: declarations. Where a table is grouped, the columns of the groups come before these.
"""

from __future__ import annotations

from typing import Final

from klsurv.schema.declare import Column, Table

_I: Final = "Int64"
_F: Final = "Float64"
_S: Final = "String"
_PROMPTS = "whole prompts resampled; null without a bootstrap, with one prompt, or where no draw differs"
_FORK = Column("fork", _I, "tokens", "offset at which pmass was measured; for the event kl, the token")
_N = Column("n", _I, "trajectories", "all trajectories of the group")
_EVENTS = Column("n_events", _I, "trajectories", "that died (R8)")
_TAU = Column(
    "tau", _I, "tokens", "where rmst is restricted; default: the smallest last fork of the groups still alive"
)
_MEDIAN = Column("median", _I, "tokens", "first fork at which survival is ≤ 0.5; null: not reached")
_RMST = Column("rmst", _F, "tokens", "restricted mean survival: mean tokens alive before tau, deaths at their forks")
_END = Column("survival_end", _F, "probability", "survival at the last fork")
_RECOVERY = Column(
    "recovery", _F, "share of deaths", "that have a later fork at or above the threshold; null: no death"
)

SUMMARY = Table(
    "summary",
    "group (default: alpha)",
    (
        Column("n", _I, "trajectories", "all trajectories of the group, drawn or not"),
        Column("n_skipped", _I, "trajectories", "without a scale, so not drawn (R3)"),
        Column("n_died", _I, "trajectories", "drawn, of 2 tokens or more, dead before their last token (R6)"),
        Column("n_censored", _I, "trajectories", "drawn, of 2 tokens or more, ended by EOS (R6); may have died"),
        Column("n_events", _I, "trajectories", "dead at a fork ≤ gen_len, over all trajectories (R8)"),
        Column("n_eos", _I, "trajectories", "alive when the model ended its answer (R8)"),
        Column("n_running", _I, "trajectories", "alive when the window was full (R8)"),
        Column("n_failed", _I, "trajectories", "with at least one failed measurement (R9)"),
        Column("kl_p50", _F, "nats", "median of the finite per-token KL, raw; null: there is none"),
        Column("kl_p95", _F, "nats", "95th percentile of the same, null with it"),
        Column("kl_p99", _F, "nats", "99th percentile of the same, null with it"),
        _MEDIAN,
        Column("rmst", _F, "tokens", "restricted mean survival: tokens alive before tau; null without forks"),
        Column(
            "tau",
            _I,
            "tokens",
            "where rmst is restricted: the smallest last fork of the groups in which any is still alive after it",
        ),
    ),
)

SURVIVAL = Table(
    "survival",
    "group (default: alpha), fork",
    (
        _FORK,
        Column("n_risk", _I, "trajectories", "at risk at the fork: got there, not dead before, measured (R8)"),
        Column("n_events", _I, "trajectories", "that die at the fork"),
        Column("n_censored", _I, "trajectories", "never die, and are measured here for the last time"),
        Column("hazard", _F, "probability", "n_events / n_risk (Turnbull: the relative fall of survival)"),
        Column("survival", _F, "probability", "S just after the fork"),
        Column("std_error", _F, "probability", "Greenwood's; null where survival is 0, and for Turnbull's estimate"),
        Column("ci_low", _F, "probability", "lower bound of S; Clopper–Pearson where S is 0 or 1; null for Turnbull's"),
        Column("ci_high", _F, "probability", "upper bound of S"),
        Column("estimator", _S, "", "`kaplan-meier`, or `turnbull` where the fork grids of a group differ"),
    ),
)

LIFETIMES = Table(
    "lifetimes",
    "group (default: alpha)",
    (
        _N,
        _EVENTS,
        Column("n_eos", _I, "trajectories", "alive when the model ended its answer"),
        Column("n_running", _I, "trajectories", "alive when the window was full"),
        Column("n_failed", _I, "trajectories", "with at least one failed measurement (R9)"),
        _MEDIAN,
        Column(
            "median_left",
            _I,
            "tokens",
            "the fork before it, or where Turnbull has it: S fell to 0.5 in (median_left, median]; null: none",
        ),
        Column("median_low", _I, "tokens", "lower bound: first fork at which ci_low is ≤ 0.5; null: not reached"),
        Column("median_high", _I, "tokens", "upper bound: first fork at which ci_high is ≤ 0.5; null: not reached"),
        _RMST,
        Column("rmst_left", _F, "tokens", "the same if each death came just after the other end of where it lies"),
        Column("rmst_error", _F, "tokens", "standard error of rmst; null for Turnbull's estimate"),
        _TAU,
        _END,
        Column("end_low", _F, "probability", "lower bound of survival_end"),
        Column("end_high", _F, "probability", "upper bound of survival_end"),
        Column(
            "end_if_died", _F, "probability", "survival_end if each failed measurement were a death; null: none failed"
        ),
        Column("end_if_alive", _F, "probability", "survival_end if each were a survival; null: none failed"),
        _RECOVERY,
    ),
)

INCIDENCE = Table(
    "incidence",
    "group (default: alpha), fork",
    (
        Column("fork", _I, "tokens", "offset at which pmass was measured; the last may be the last EOS after them"),
        Column("p_died", _F, "probability", "P(died by the fork), EOS competing (Aalen–Johansen)"),
        Column("p_finished", _F, "probability", "P(ended its answer by then, not seen to die before)"),
        Column("p_running", _F, "probability", "P(neither); the three add to 1"),
        Column("p_died_error", _F, "probability", "standard error (Dinse–Larson)"),
        Column("p_finished_error", _F, "probability", "standard error (Dinse–Larson)"),
        Column("p_running_error", _F, "probability", "standard error (Greenwood)"),
    ),
)

COMPARE = Table(
    "compare",
    "comparison",
    (
        Column("test", _S, "", "member of the log-rank family, or the trend tested"),
        Column("group_a", _S, "", "null for the overall test"),
        Column("group_b", _S, "", "null for the overall test and for trends"),
        Column(
            "statistic",
            _F,
            "",
            "χ² distributed if the groups die alike; null: never at risk together, or a trend in what is unknown",
        ),
        Column("df", _I, "", "degrees of freedom"),
        Column("p", _F, "probability", "of a statistic as large, if the groups die alike; null with it"),
        Column("p_holm", _F, "probability", "p of a pair, adjusted for the number of pairs (Holm); else null"),
        Column("rmst_a", _F, "tokens", "restricted mean survival of group_a to tau; null for tests without"),
        Column("rmst_b", _F, "tokens", "the same of group_b; null for tests without"),
        Column("rmst_diff", _F, "tokens", "rmst_a − rmst_b; null for tests without means"),
        Column(
            "ci_low", _F, "tokens", "lower bound of rmst_diff as if all were independent; null where S has no errors"
        ),
        Column("ci_high", _F, "tokens", "upper bound"),
        Column("rmst_p", _F, "probability", "two-sided p of rmst_diff, as if all were independent; null with ci_low"),
        Column("boot_low", _F, "tokens", f"lower bound of rmst_diff; {_PROMPTS}"),
        Column("boot_high", _F, "tokens", "upper bound"),
        Column("tau", _I, "tokens", "where the means are restricted; null for tests without them"),
    ),
)

DOSE = Table(
    "dose",
    "group (default: none), alpha",
    (
        Column("alpha", _F, "c_star", "dose, in multiples of the calibrated coefficient"),
        _N,
        _EVENTS,
        _RMST,
        Column("rmst_low", _F, "tokens", f"lower bound; {_PROMPTS}"),
        Column("rmst_high", _F, "tokens", "upper bound"),
        _TAU,
        Column("survival_tau", _F, "probability", "S at tau, the end that all doses share"),
        Column("survival_low", _F, "probability", f"lower bound; {_PROMPTS}"),
        Column("survival_high", _F, "probability", "upper bound"),
        Column("trend_z", _F, "", "log-rank trend in alpha of the whole group; above 0: more die at more; null: none"),
        Column("trend_p", _F, "probability", "its two-sided p, null with it"),
        Column("ed50", _F, "c_star", "dose at which S at tau is 0.5; null: not between the doses tried"),
        Column("ed50_low", _F, "c_star", f"lower bound, null below the least dose; {_PROMPTS}"),
        Column("ed50_high", _F, "c_star", "upper bound, null above the greatest dose"),
    ),
)

THRESHOLD = Table(
    "threshold",
    "group (default: alpha), threshold",
    (
        Column("threshold", _F, "probability", "pmass below it is death"),
        _N,
        _EVENTS,
        _END,
        _MEDIAN,
        _RECOVERY,
    ),
)

STUDY = Table(
    "study",
    "group (default: none), measure, lag",
    (
        Column("measure", _S, "", "`raw`: smoothed KL in nats; `relative`: in own p95; both cut before the fork"),
        Column("lag", _I, "tokens", "token relative to the fork of death; −1 is the last before it"),
        Column("n_deaths", _I, "deaths", "with a finite value here and a control alive at the same fork and alpha"),
        Column("died", _F, "as measure", "mean over the deaths; null: there is none to look at"),
        Column("died_low", _F, "as measure", f"lower bound; {_PROMPTS}"),
        Column("died_high", _F, "as measure", "upper bound"),
        Column("alive", _F, "as measure", "mean over each death's controls, then over deaths; null with died"),
        Column("alive_low", _F, "as measure", f"lower bound; {_PROMPTS}"),
        Column("alive_high", _F, "as measure", "upper bound"),
        Column("difference", _F, "as measure", "died − alive; null with them"),
        Column("difference_low", _F, "as measure", f"lower bound; {_PROMPTS}"),
        Column("difference_high", _F, "as measure", "upper bound"),
    ),
)

STORY = Table(
    "story",
    "fork (of one trajectory)",
    (
        _FORK,
        Column("pmass", _F, "probability", "probability on true/false at the fork; null where it failed"),
        Column("pmass_min", _F, "probability", "running minimum of pmass (R4)"),
        Column("alive", "Boolean", "", "no fork up to this one had pmass below the threshold"),
        Column("kl_smooth", _F, "nats", "smoothed KL at this token (R2); null past the last token"),
        Column("kl_rel", _F, "own p95", "the same over the trajectory's scale; null where it has none"),
        Column("p_true", _F, "probability", "share of pmass on true, from gens.jsonl; null where it is not there"),
        Column("argmax", _S, "", "likeliest next token at the fork, from gens.jsonl; null where it is not there"),
    ),
)

HAZARD = Table(
    "hazard",
    "group (default: none), covariate",
    (
        Column("covariate", _S, "", "log2_…: per doubling; `fork N`: against the first fork in the model"),
        Column("n", _I, "person-forks", "in the model"),
        Column("n_events", _I, "deaths", "in the model"),
        Column("hazard_ratio", _F, "", "cloglog regression; null: does not vary, or no finite solution"),
        Column("ci_low", _F, "", "lower bound; errors clustered by prompt; null with the ratio"),
        Column("ci_high", _F, "", "upper bound"),
        Column("p", _F, "probability", "two-sided p of a ratio of 1; null with it"),
    ),
)

LANDMARK = Table(
    "landmark",
    "group (default: none), landmark, alpha",
    (
        Column("landmark", _I, "tokens", "where early KL ends and following begins"),
        Column("alpha", _F, "c_star", "dose; null: all doses, pairs within a dose only"),
        Column("n", _I, "trajectories", "alive at the landmark and followed beyond it, steered"),
        _EVENTS,
        Column("n_pairs", _I, "pairs", "that can be compared"),
        Column("concordance", _F, "probability", "Harrell's C: higher early KL dies first; 0.5: chance; null: no pair"),
        Column("ci_low", _F, "probability", f"lower bound; {_PROMPTS}"),
        Column("ci_high", _F, "probability", "upper bound"),
    ),
)
