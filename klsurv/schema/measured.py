"""The tables that are read or scored: a cell, a trajectory, a token; and what became of a cell.

In: nothing. Out: declarations.
"""

from __future__ import annotations

from klsurv.schema.declare import Column, Table

# The row key of a trajectory, and what each knows of its cell.
KEY = ["cell", "alpha", "prompt"]
FACTS = ["model", "method", "seed", "window", "target_kl", "layer"]
# What makes runs whose c_star is another: c_star is of one layer, and seeds are the same again.
RUN = ["model", "method", "layer", "window"]
# What is known of a cell: c_star too, of which no trajectory is told apart.
CELL_FACTS = [*FACTS, "c_star"]
# The status of a cell that has trajectories.
USABLE = ("ok", "partial")

_KEY = (
    Column("cell", "String", "", "name of the run cell: its directory, control characters escaped"),
    Column("alpha", "Float64", "c_star", "dose, in multiples of the calibrated coefficient"),
    Column("prompt", "Int64", "", "0-based index of the prompt in its cell"),
)
_T = Column("t", "Int64", "tokens", "0-based position in the generation")
_END = Column("end", "String", "", "`eos`: the model ended its answer before the window was full; else `window`")
_FACTS = (
    Column("model", "String", "", "name of the model; null where calib.json has none"),
    Column("method", "String", "", "how the steering vector was found; null where calib.json has none"),
    Column("seed", "Int64", "", "seed of the run; null where calib.json has none"),
    Column("window", "Int64", "tokens", "most tokens a rollout may have"),
    Column("target_kl", "Float64", "nats", "p95 of per-token KL that alpha = 1 was calibrated to; null where unknown"),
    Column("layer", "Int64", "", "layer that was steered; null where unknown or not one layer"),
)
_SERIES = (
    Column("gen_len", "Int64", "tokens", "tokens generated"),
    Column("kl", "List(Float64)", "nats", "KL(steered ‖ base) at each token; NaN or infinite where it failed"),
    Column("fork", "List(Int64)", "tokens", "offsets at which pmass was measured, ascending"),
    Column("pmass", "List(Float64)", "probability", "probability on true/false at each fork; null where missing"),
)
_STATUS = Column("status", "String", "", "`ok`; `partial`: usable but something is left out; `skipped`; `broken`")
_REASON = Column("reason", "String", "", "file, field and cause of a status that is not ok; null where it is")

CELLS = Table(
    "cells",
    "cell",
    (
        _KEY[0],
        *_FACTS[:-1],
        Column("c_star", "Float64", "", "calibrated coefficient, the dose alpha = 1; null where unknown"),
        _FACTS[-1],
        Column("n_prompts", "Int64", "", "most prompts at one alpha; null where the cell is not usable"),
        Column("alphas", "List(Float64)", "c_star", "doses that can be scored, ascending; null where not usable"),
        _STATUS,
        _REASON,
        Column(
            "path", "String", "", "the cell's directory as it was given, control characters escaped; null of a frame"
        ),
    ),
)

CHECK = Table(
    "check",
    "cell",
    (
        _KEY[0],
        _STATUS,
        Column("n_alphas", "Int64", "", "doses that can be scored"),
        Column("n_prompts", "Int64", "", "most prompts at one alpha"),
        Column("n_trajectories", "Int64", "", "trajectories read"),
        Column("n_kl_failed", "Int64", "tokens", "tokens inside a generation whose KL is not finite (R9)"),
        Column("n_kl_negative", "Int64", "tokens", "tokens whose KL is below 0; kept as they are"),
        Column("n_pmass_failed", "Int64", "forks", "forks inside a generation whose pmass is missing (R9)"),
        _REASON,
    ),
)

# What a source hands to frames: the raw trajectory with the facts of its cell, which scoring and grouping need.
SOURCE = Table("source", "cell, alpha, prompt", (*_KEY, *_FACTS, *_SERIES))

TRAJECTORIES = Table(
    "trajectories",
    "cell, alpha, prompt",
    (
        *_KEY,
        _SERIES[0],
        _END,
        *_SERIES[1:],
        Column("length", "Int64", "tokens", "tokens that have a KL: min(KL row, gen_len) (R1)"),
        Column("scale", "Float64", "nats", "own p95 of early smoothed KL (R3); null where not finite or ≤ 1e-8"),
        Column("death_t", "Int64", "tokens", "first fork with pmass below the threshold (R4); null: never"),
        Column("drawn", "Boolean", "", "whether the figure has a line for it: it has a scale, or none is needed"),
        Column("n_kl_failed", "Int64", "tokens", "tokens inside the length whose KL is not finite (R9)"),
        Column("n_kl_negative", "Int64", "tokens", "tokens inside the length whose KL is below 0; kept as they are"),
        Column("n_pmass_failed", "Int64", "forks", "forks ≤ gen_len whose pmass is missing (R9)"),
    ),
)

LONG = Table(
    "long",
    "cell, alpha, prompt, t",
    (
        *_KEY,
        _T,
        Column("kl", "Float64", "nats", "KL(steered ‖ base); null at a fork past the last token, where there is none"),
        Column(
            "pmass", "Float64", "probability", "probability on true/false; null where t is no fork or it is missing"
        ),
    ),
)

SCORED = Table(
    "scored",
    "cell, alpha, prompt, t",
    (
        *LONG.columns,
        Column("kl_smooth", "Float64", "nats", "centred mean of KL over `roll` tokens (R2); null past the last token"),
        Column("kl_rel", "Float64", "own p95", "kl_smooth divided by the trajectory's scale; null where it has none"),
        Column("pmass_min", "Float64", "probability", "running minimum of pmass up to t (R4); null before the first"),
        Column("alive", "Boolean", "", "no fork up to t had pmass below the threshold"),
        _END,
    ),
)

CHANGES = Table(
    "changes",
    "change of a cell",
    (
        Column("time", "String", "UTC", "when it was seen"),
        Column("cell", "String", "", "name of the cell's directory, control characters escaped"),
        Column(
            "state",
            "String",
            "",
            "ok, partial, in flight (being written), skipped (nothing to score), broken or vanished",
        ),
        Column("alphas", "Int64", "doses", "doses that can be scored"),
        Column("trajectories", "Int64", "trajectories", "trajectories that can be scored"),
        Column("n_events", "Int64", "trajectories", "of these, dead at a fork ≤ gen_len (R8)"),
        Column("kept", "Boolean", "", "it cannot be used now, and the counts are of the last time that it could"),
        Column("reason", "String", "", "why it is not ok; null if it is"),
    ),
)

GROUP_COLUMNS = {column.name: column for column in (*_KEY, *_FACTS)}
