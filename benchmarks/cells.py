"""Write run cells of full size with invented numbers. In: a seed. Out: directories in the producer's format.

The numbers follow what the shared real cells show: per-token KL is nearly independent noise with a coefficient of
variation of 1, starts at alpha² nats and settles at a fifth of that within some 30 tokens; large doses lose pmass.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

ALPHAS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 4.0)


def write_cells(root: Path, *, cells: int, prompts: int = 24, tokens: int = 4096, seed: int = 0) -> None:
    """Write `cells` run cells into `root`, `indent=2`, bare NaN after the end and at some tokens of large doses."""
    for i in range(cells):
        method, cell_seed = ("mean_diff", "pca")[i % 2], i // 2
        cell = root / f"Generated-1B_{method}_s{cell_seed}_w{tokens}"
        cell.mkdir(parents=True, exist_ok=True)
        for name, value in _cell(np.random.default_rng([seed, i]), method, cell_seed, prompts, tokens).items():
            (cell / name).write_text(json.dumps(value, indent=2))


def _cell(
    rng: np.random.Generator, method: str, seed: int, prompts: int, tokens: int
) -> dict[str, dict[str, object] | list[dict[str, object]]]:
    forks = sorted({0, *np.unique(np.geomspace(1, tokens, 24).round().astype(int)).tolist()})
    kl, p95, pmass, gen_lens = {}, {}, {}, {}
    t = np.arange(tokens)
    for alpha in ALPHAS:
        level = alpha**2 * rng.lognormal(0, 0.3, (prompts, 1)) * (0.2 + 0.8 * np.exp(-t / 30))
        rows = rng.gamma(1.0, 0.4, (prompts, tokens)) * level
        lengths = np.where(rng.random(prompts) < 0.3, rng.integers(1, tokens, prompts), tokens)
        rows[t >= lengths[:, None]] = np.nan
        if alpha >= 2:
            rows[rng.random(rows.shape) < 1e-5] = np.nan
        health = 0.97 - 0.02 * rng.random((prompts, len(forks))) - alpha * rng.exponential(0.02, (prompts, len(forks)))
        broken = np.cumsum(rng.random(health.shape) < 0.01 * alpha**1.5, axis=1) > 0
        mass = np.where(broken, health * rng.random(health.shape), health).clip(0, 1)
        mass[np.array(forks) > lengths[:, None]] = np.nan
        key = str(alpha)
        kl[key], pmass[key], gen_lens[key] = rows.tolist(), mass.tolist(), lengths.tolist()
        p95[key] = np.nanpercentile(np.where(np.isnan(rows), 0.0, rows), 95, axis=0).tolist()
    # The shared cells were calibrated in 11 steps.
    history = [
        {"coeff": coeff, "kl_p95": (coeff / 50) ** 2}
        | {name: rng.gamma(1.0, 0.4, tokens).tolist() for name in ("per_t_mean", "per_t_p95", "per_t_max")}
        for coeff in np.linspace(6.4, 50, 11).tolist()
    ]
    return {
        "calib.json": {
            "c_star": float(rng.normal(50, 3)), "target_kl": 1.0, "window": tokens, "method": method,
            "model": "Generated-1B", "seed": seed, "layer": 12,
        },
        "trajectory.json": {"fork_points_full": t.tolist(), "per_prompt_per_t_kl": kl, "per_t_p95_kl": p95},
        "pmass.json": {
            "fork_points": forks, "pmass_eval": pmass, "gen_lens_eval": gen_lens,
            "pmass": {key: [] for key in pmass}, "gen_lens_qa": {key: [] for key in pmass},
            "computed": True, "completed_alphas": list(pmass),
        },
        "history.json": history,
    }  # fmt: skip
