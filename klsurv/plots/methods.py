"""Charts of runs. In: `Runs`. Out: altair charts; their tables are computed on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from klsurv.inference import Scale, Test
from klsurv.params import By, Layout, Look, OutcomeOptions, Scoring, ScoringOptions
from klsurv.plots import tables, trajectories
from klsurv.plots.spaghetti import draw_spaghetti
from klsurv.validate import truth

if TYPE_CHECKING:
    import altair as alt

    from klsurv.runs import Runs


class Plots:
    """The charts of one `Runs`, each an altair chart that a notebook shows.

    Parameters that several share: `columns`, panels per row (None chooses rows of equal length, at most four wide);
    `log_time`, a logarithmic time axis, linear below 1 token, for fork grids that crowd the start. The others are those
    of the table that is drawn, in `Runs`. All raise `NothingUsableError` where no cell can be used, and
    `ParameterError` where a parameter is out of its range.
    """

    def __init__(self, runs: Runs) -> None:
        self._runs = runs

    def spaghetti(
        self,
        *,
        columns: int | None = None,
        kl_log: bool = False,
        line_lw: float | None = None,
        line_alpha: float | None = None,
        **scoring: Unpack[ScoringOptions],
    ) -> alt.VConcatChart:
        """KL of each trajectory over tokens, a panel per alpha, coloured by whether it is still alive.

        Args:
            columns: panels per row; None chooses rows of equal length, at most four wide.
            kl_log: a symmetric logarithmic y axis, linear below 0.1.
            line_lw: width of a line in pixels; None thins with the number of lines.
            line_alpha: its opacity; None is 8/n clipped to 0.2…0.7 per panel.
            **scoring: the fields of `klsurv.params.Scoring`.
        """
        look = Look(columns=columns, kl_log=kl_log, line_lw=line_lw, line_alpha=line_alpha)
        return draw_spaghetti(self._runs, look=look, scoring=Scoring(**scoring)).with_data()

    def survival(
        self,
        by: By = "alpha",
        *,
        ci: Scale = "log-log",
        level: float = 0.95,
        columns: int | None = None,
        log_time: bool = False,
        **options: Unpack[OutcomeOptions],
    ) -> alt.VConcatChart:
        """Kaplan–Meier steps with bands, medians and numbers at risk; a panel per alpha, a curve per other group."""
        layout = Layout(columns=columns, log_time=log_time)
        return tables.draw_survival(self._runs, by, layout=layout, options=options, ci=ci, level=level).with_data()

    def quantiles(
        self,
        *,
        kl_log: bool = False,
        columns: int | None = None,
        log_time: bool = False,
        **scoring: Unpack[ScoringOptions],
    ) -> alt.VConcatChart:
        """Quantiles of KL over tokens on the axes of the spaghetti, the median coloured by the share alive."""
        layout, kl_log = Layout(columns=columns, log_time=log_time), truth(kl_log, "kl_log")
        return trajectories.draw_quantiles(self._runs, layout=layout, options=scoring, kl_log=kl_log).with_data()

    def pmass(
        self, *, columns: int | None = None, log_time: bool = False, **scoring: Unpack[ScoringOptions]
    ) -> alt.VConcatChart:
        """Each trajectory's pmass at forks, its p10–p90 band and median, and the threshold."""
        return trajectories.draw_pmass(
            self._runs, layout=Layout(columns=columns, log_time=log_time), options=scoring
        ).with_data()

    def incidence(
        self,
        by: By = "alpha",
        *,
        columns: int | None = None,
        log_time: bool = False,
        **options: Unpack[OutcomeOptions],
    ) -> alt.VConcatChart:
        """The shares that have died, finished and run on, stacked, a panel per group."""
        return tables.draw_incidence(
            self._runs, by, layout=Layout(columns=columns, log_time=log_time), options=options
        ).with_data()

    def dose(
        self,
        by: By = (),
        *,
        tau: int | None = None,
        level: float = 0.95,
        bootstrap: int = 2000,
        seed: int = 0,
        columns: int | None = None,
        log_dose: bool = False,
        **options: Unpack[OutcomeOptions],
    ) -> alt.VConcatChart:
        """Restricted mean and survival at tau against alpha, with bands and ED50.

        `log_dose`: a logarithmic axis of doses, linear about 0 to the smallest other, where one is far beyond the rest.
        """
        layout = Layout(columns=columns, log_dose=log_dose)
        how: dict[str, Any] = {"tau": tau, "level": level, "bootstrap": bootstrap, "seed": seed}
        return tables.draw_dose(self._runs, by, layout=layout, options=options, **how).with_data()

    def threshold(
        self,
        by: By = "alpha",
        *,
        start: float = 0.05,
        stop: float = 0.99,
        steps: int = 48,
        consecutive: int = 1,
        columns: int | None = None,
        **scoring: Unpack[ScoringOptions],
    ) -> alt.VConcatChart:
        """Deaths, survival at the end and recovery against the threshold."""
        how = {"start": start, "stop": stop, "steps": steps, "consecutive": consecutive}
        return tables.draw_threshold(self._runs, by, layout=Layout(columns=columns), options=scoring, **how).with_data()

    def precursor(
        self,
        by: By = (),
        *,
        lags: int = 32,
        level: float = 0.95,
        bootstrap: int = 2000,
        seed: int = 0,
        columns: int | None = None,
        **scoring: Unpack[ScoringOptions],
    ) -> alt.VConcatChart:
        """KL before death against those alive at the same fork, and hazard ratios if statsmodels is installed.

        A row of panels per group.
        """
        how = {"lags": lags, "level": level, "bootstrap": bootstrap, "seed": seed}
        return tables.draw_precursor(self._runs, by, layout=Layout(columns=columns), options=scoring, **how).with_data()

    def calibration(self, *, columns: int | None = None, **scoring: Unpack[ScoringOptions]) -> alt.VConcatChart:
        """The bisection's path, held-out KL by dose against the target, c_star by seed."""
        return tables.draw_calibration(self._runs, layout=Layout(columns=columns), options=scoring).with_data()

    def deaths(self, *, columns: int | None = None, **options: Unpack[OutcomeOptions]) -> alt.VConcatChart:
        """When each prompt died at each alpha, a panel per cell."""
        return trajectories.draw_deaths(self._runs, layout=Layout(columns=columns), options=options).with_data()

    def compare(
        self,
        by: By = "method",
        *,
        at_alpha: float | None = None,
        test: Test = "logrank",
        rho: float = 0.0,
        gamma: float = 0.0,
        stratify: By = (),
        tau: int | None = None,
        level: float = 0.95,
        bootstrap: int = 2000,
        seed: int = 0,
        **options: Unpack[OutcomeOptions],
    ) -> alt.VConcatChart:
        """A forest of the differences of restricted means, with both intervals."""
        how: dict[str, Any] = {
            "at_alpha": at_alpha,
            "test": test,
            "rho": rho,
            "gamma": gamma,
            "stratify": stratify,
            "tau": tau,
            "level": level,
            "bootstrap": bootstrap,
            "seed": seed,
        }
        return tables.draw_compare(self._runs, by, options=options, **how).with_data()
