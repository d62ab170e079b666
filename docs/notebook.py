"""From a run root to a finding: `marimo edit docs/notebook.py` to read it, `python docs/notebook.py` to run it."""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="From a run root to a finding")


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    # From a run root to a finding

    Two vectors steer the same model, both calibrated to the same dose. **At this dose, how long does the model stay
    coherent, what ends it, and is one vector really safer than the other?**

    The run root is the one that `klsurv demo` unpacks: a small model, two methods, seven doses, the same prompts
    everywhere. Put the path of your own sweep in its place, and every number below is computed anew.
    """)
    return


@app.cell
def _():
    import pathlib
    from itertools import product

    import altair as alt
    import marimo as mo
    import polars as pl

    import klsurv
    from klsurv.data import unpack

    return alt, klsurv, mo, pathlib, pl, product, unpack


@app.cell
def _(klsurv, pathlib, unpack):
    root, alpha = pathlib.Path("klsurv-demo"), 1.0
    # Without steering this model's pmass is about 0.5, and a rollout is 96 tokens: 0.8 and 65 would not do.
    scoring = {"threshold": 0.3, "roll": 9}

    if not root.is_dir():
        unpack(root)
    runs = klsurv.scan(root)
    at_dose = klsurv.scan(root, alphas=[alpha])
    return alpha, at_dose, runs, scoring


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## Was everything read?

    The first question to any sweep. A cell that is broken, half-written or not measured is left out, and says so here.
    """)
    return


@app.cell
def _(runs):
    checked = runs.check()
    assert checked.get_column("status").to_list() == ["ok", "ok"], "the story below is of two cells"
    assert checked.select("n_kl_failed", "n_pmass_failed").sum().row(0) == (0, 0)
    checked
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## Look at the trajectories

    A thin line is one prompt at one dose: its KL to the unsteered model, smoothed, over its own early scale. Blue is
    coherent, orange is after the first fork at which the probability of an answer (`pmass`) fell below the threshold.
    """)
    return


@app.cell
def _(runs, scoring):
    runs.plot.spaghetti(**scoring)
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    The lines pool both methods. Which of them, and which prompts, are the orange ones? A row is a prompt, a column a
    dose, and the colour the token of death.
    """)
    return


@app.cell
def _(runs, scoring):
    runs.plot.deaths(**scoring)
    return


@app.cell
def _(pl, runs, scoring):
    # Death by hand: the first fork with pmass below the threshold, if the model generated that far.
    def died(fork, pmass, gen_len):
        below = [f for f, p in zip(fork, pmass, strict=False) if p is not None and p < scoring["threshold"]]
        return min((f for f in below if f <= gen_len), default=None)

    by_hand = (
        runs.trajectories(**scoring)
        .join(runs.cells().lazy().select("cell", "method"), on="cell")
        .select("method", "alpha", "prompt", "fork", "pmass", "gen_len")
        .collect()
    )
    deaths = [died(*row) for row in by_hand.select("fork", "pmass", "gen_len").rows()]
    lives = by_hand.select(
        "method",
        "alpha",
        "prompt",
        pl.Series("death", deaths, dtype=pl.Int64),
        pl.min_horizontal(pl.Series(deaths, dtype=pl.Int64), "gen_len").alias("tokens"),
    )

    lifetimes = runs.lifetimes(["method", "alpha"], **scoring)
    counted = lives.group_by("method", "alpha").agg(n_events=pl.col("death").count().cast(pl.Int64))
    both = lifetimes.join(counted, on=["method", "alpha"], suffix="_by_hand")
    assert both.height == lifetimes.height > 2
    assert both.get_column("n_events").to_list() == both.get_column("n_events_by_hand").to_list()
    assert (lifetimes["n_events"] + lifetimes["n_eos"] + lifetimes["n_running"] == lifetimes["n"]).all()
    return lifetimes, lives


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## How long?

    Kaplan–Meier: who has died leaves the risk set, who ended the answer is censored. The band is the interval of the
    curve; with so few prompts it is wide, and a curve that stays at 1 is not certain to be 1.
    """)
    return


@app.cell
def _(runs, scoring):
    runs.plot.survival(["method", "alpha"], **scoring)
    return


@app.cell
def _(alpha, lifetimes, pl):
    at_alpha = lifetimes.filter(pl.col("alpha") == alpha)
    at_alpha.select(
        "method", "n", "n_events", "n_eos", "n_running", "median", "rmst", "tau", "survival_end", "recovery"
    )
    return (at_alpha,)


@app.cell(hide_code=True)
def _(alpha, at_alpha, lives, mo, pl):
    _dead = lives.filter(pl.col("alpha") == alpha, pl.col("death").is_not_null())
    _first = _dead.filter(pl.col("death") == 0).height
    mo.md(f"""
    `rmst` is the mean number of coherent tokens out of the first {at_alpha["tau"][0]}. Of the {_dead.height} deaths at
    alpha {alpha:g}, {_first} were seen at token 0, before anything was generated: what is lost there was lost in
    reading the prompt, not on the way.

    ## What ends it?

    Survival asks how long it would have stayed coherent had it kept talking. Here ending the answer competes with
    breaking: the three shares add to one at every token.
    """)
    return


@app.cell
def _(at_dose, scoring):
    at_dose.plot.incidence("method", **scoring)
    return


@app.cell
def _(at_dose, pl, scoring):
    ends = at_dose.incidence("method", **scoring).group_by("method", maintain_order=True).last()
    shares = ends.select("method", "p_died", "p_finished", "p_running")
    assert shares.select(pl.sum_horizontal("p_died", "p_finished", "p_running") - 1).to_series().abs().max() < 1e-9
    shares
    return


@app.cell(hide_code=True)
def _(mo):
    mo.md("""
    ## Is the difference real?

    The same prompts were put to both methods, so trajectories are not independent. The thin interval pretends that they
    are; the thick one draws whole prompts again, the same for both.
    """)
    return


@app.cell
def _(alpha, runs, scoring):
    runs.plot.compare("method", at_alpha=alpha, **scoring)
    return


@app.cell
def _(alpha, at_alpha, runs, scoring):
    pair = runs.compare("method", at_alpha=alpha, **scoring).drop_nulls("group_a").row(0, named=True)
    rmst = dict(at_alpha.select("method", "rmst").rows())
    assert abs(pair["rmst_diff"] - (rmst[pair["group_a"]] - rmst[pair["group_b"]])) < 1e-9
    assert pair["boot_low"] <= pair["rmst_diff"] <= pair["boot_high"]

    # From here on: the one that lived longer, the other, and the difference as a positive number.
    longer, shorter = sorted(rmst, key=rmst.__getitem__, reverse=True)
    gained = abs(pair["rmst_diff"])
    low, high = sorted([pair["boot_low"], pair["boot_high"]], key=lambda end: end * pair["rmst_diff"])
    low, high = (end if pair["rmst_diff"] > 0 else -end for end in (low, high))
    return gained, high, longer, low, pair, shorter


@app.cell(hide_code=True)
def _(gained, high, longer, low, mo, pair, shorter):
    mo.md(f"""
    `{longer}` stays coherent {gained:.0f} tokens longer than `{shorter}`, with prompts drawn again {low:.0f} to
    {high:.0f}; the log-rank test says p = {pair["p"]:.3f}.

    An interval from few prompts can flatter, so ask once more without any of this machinery: if the methods were the
    same, each prompt's difference might as well have had the other sign. Of all the ways to choose the signs, how many
    give a difference as large as the one seen?
    """)
    return


@app.cell
def _(alpha, lives, longer, pl, product, shorter):
    tokens = lives.filter(pl.col("alpha") == alpha).pivot("method", index="prompt", values="tokens").drop_nulls()
    differences = (tokens[longer] - tokens[shorter]).to_list()
    flips = [
        abs(sum(sign * d for sign, d in zip(signs, differences, strict=True)))
        for signs in product((1, -1), repeat=len(differences))
    ]
    exact_p = sum(total >= abs(sum(differences)) for total in flips) / len(flips)
    n_prompts, n_differ = len(differences), sum(d != 0 for d in differences)
    # No test of this kind can say less than this.
    assert 2 / 2**n_differ <= exact_p <= 1
    return differences, exact_p, n_differ, n_prompts


@app.cell(hide_code=True)
def _(differences, exact_p, mo, n_differ, n_prompts):
    mo.md(f"""
    The differences by prompt are {", ".join(f"{d:+d}" for d in differences)} tokens, and p = {exact_p:.3g}. Only
    {n_differ} of {n_prompts} prompts tell the methods apart, and with {n_differ} no such test can say less
    than 2 / 2^{n_differ} = {2 / 2**n_differ:.3g}: for more certainty it takes more prompts, not more doses or seeds.

    ## How much of it is the threshold?

    The threshold is a choice. A finding that needs one value of it is a finding about that value.
    """)
    return


@app.cell
def _(at_dose, scoring):
    at_dose.plot.threshold("method", **scoring)
    return


@app.cell
def _(at_alpha, at_dose, longer, pl, scoring, shorter):
    sweep = {"start": 0.1, "stop": 0.5, "steps": 9}
    smoothing = {"roll": scoring["roll"]}
    at_thresholds = at_dose.threshold("method", **sweep, **smoothing).pivot(
        "method", index="threshold", values=["n_events"]
    )
    same_sign = at_thresholds.filter(pl.col(shorter) > pl.col(longer)).height
    n_thresholds = at_thresholds.height

    # The sweep and the single answer meet where they ask the same.
    here = at_thresholds.filter((pl.col("threshold") - scoring["threshold"]).abs() < 1e-9)
    one = dict(at_alpha.select("method", "n_events").rows())
    assert here.select(longer, shorter).row(0) == (one[longer], one[shorter])

    # A death that takes two forks in a row, not one.
    twice = dict(
        at_dose.threshold(
            "method", start=scoring["threshold"], stop=scoring["threshold"] + 0.01, steps=2, consecutive=2, **smoothing
        )
        .filter(pl.col("threshold") == scoring["threshold"])
        .select("method", "n_events")
        .rows()
    )
    assert all(twice[method] <= one[method] for method in one)
    at_thresholds
    return n_thresholds, same_sign, sweep, twice


@app.cell(hide_code=True)
def _(longer, mo, n_thresholds, same_sign, shorter, sweep, twice):
    mo.md(f"""
    More trajectories of `{shorter}` than of `{longer}` die at {same_sign} of the {n_thresholds} thresholds from
    {sweep["start"]} to {sweep["stop"]}. If death takes two forks in a row, {twice[shorter]} of `{shorter}` and
    {twice[longer]} of `{longer}` die.

    ## Was it the same dose?

    alpha = 1 is where *calibration prompts* had a p95 KL of the target. On these held-out prompts the methods may be
    dosed unequally, and then the milder one lives longer for that alone. So draw life against the KL that was really
    spent.
    """)
    return


@app.cell
def _(alt, lifetimes, runs, scoring):
    spent = runs.heldout(**scoring).select("method", "alpha", "kl_p95", "ratio")
    by_dose = lifetimes.join(spent, on=["method", "alpha"]).sort("method", "alpha")
    assert by_dose.height == lifetimes.height
    (
        alt.Chart(by_dose.select("method", "alpha", "kl_p95", "rmst"))
        .mark_line(point=True)
        .encode(
            x=alt.X("kl_p95", title="p95 KL on held-out prompts (nats)").scale(type="symlog", constant=0.1),
            y=alt.Y("rmst", title="mean coherent tokens"),
            color="method",
            order="alpha",
            tooltip=["method", "alpha", "kl_p95", "rmst"],
        )
        .properties(width=480, height=240, title="Life against the KL that was spent, a point per dose")
    )
    return (by_dose,)


@app.cell
def _(alpha, by_dose, longer, pl, shorter):
    kl_of = dict(by_dose.filter(pl.col("alpha") == alpha).select("method", "kl_p95").rows())
    # Doses of the one that lives longer at which it was pushed harder than the other at its own.
    harder = by_dose.filter(pl.col("method") == longer, pl.col("kl_p95") > kl_of[shorter])
    unharmed = harder.filter(pl.col("rmst") > by_dose.filter(method=shorter, alpha=alpha)["rmst"].item())
    return harder, kl_of, unharmed


@app.cell(hide_code=True)
def _(alpha, harder, kl_of, longer, mo, shorter, unharmed):
    mo.md(f"""
    At alpha {alpha:g} `{longer}` spent {kl_of[longer]:.2f} nats and `{shorter}` {kl_of[shorter]:.2f}, so the dose was
    not quite the same. But of the {harder.height} doses at which `{longer}` was pushed harder than that, it still lived
    longer at {unharmed.height} (alpha {", ".join(f"{dose:g}" for dose in unharmed["alpha"])}).

    ## What the data do not say
    """)
    return


@app.cell
def _(at_alpha, lives, longer, pl, runs, shorter):
    control = lives.filter(pl.col("alpha") == 0).pivot("method", index="prompt", values=["death", "tokens"])
    # Without steering there is one model: its trajectories are there twice.
    assert control["death_" + longer].to_list() == control["death_" + shorter].to_list()
    assert any("same" in warning and "alpha 0.0" in warning for warning in runs.warnings)
    false_positives = control["death_" + longer].count()
    recovered = dict(at_alpha.select("method", pl.col("recovery") * pl.col("n_events")).rows())
    n_dead = dict(at_alpha.select("method", "n_events").rows())
    survivors = dict(at_alpha.select("method", pl.col("n") - pl.col("n_events")).rows())
    return false_positives, n_dead, recovered, survivors


@app.cell(hide_code=True)
def _(false_positives, mo, n_dead, n_prompts, recovered, runs, shorter):
    mo.md(f"""
    - **A threshold has false positives.** Without any steering {false_positives} of {n_prompts} prompts "die". What
      `{shorter}` adds to that is less than what it shows, and a vector can *raise* pmass too: more life than the
      control is no proof of more coherence, only of more probability on the answer.
    - **A death need not be for good.** Of the {n_dead[shorter]} deaths of `{shorter}`, {recovered[shorter]:.0f} have a
      later fork at or above the threshold. Death is irreversible by definition; pmass is not.
    - **{n_prompts} prompts, one model, one seed per method.** Nothing here says that another vector of the same method
      would do the same.
    - klsurv itself warns: {"; ".join(f"*{warning}*" for warning in runs.warnings)}.
    """)
    return


@app.cell
def _(
    alpha,
    at_alpha,
    exact_p,
    false_positives,
    gained,
    high,
    longer,
    low,
    mo,
    n_prompts,
    n_thresholds,
    same_sign,
    shorter,
    survivors,
):
    settled = low > 0 and exact_p < 0.05 and same_sign == n_thresholds
    finding = (
        f"At alpha {alpha:g}, {longer} kept {survivors[longer]} of {n_prompts} prompts coherent to the end "
        f"and {shorter} {survivors[shorter]}, a difference of {gained:.0f} of {at_alpha['tau'][0]} tokens "
        f"(95 % interval {low:.0f} to {high:.0f}, whole prompts drawn again) in the same direction at {same_sign} of "
        f"{n_thresholds} thresholds; but with p = {exact_p:.2g} by sign flips over prompts, and {false_positives} of "
        f"{n_prompts} dying without any steering, these data "
        f"{'settle that it is real' if settled else 'point to a real difference and do not settle it'}."
    )
    if mo.app_meta().mode == "script":
        print(finding)
    mo.md(f"## The finding\n\n**{finding}**")
    return


if __name__ == "__main__":
    app.run()
