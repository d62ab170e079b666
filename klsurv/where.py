"""The `where` of a selection. In: an SQL condition. Out: the expression over the table `cells` that it means."""

from __future__ import annotations

import polars as pl

from klsurv.errors import ParameterError, first_line
from klsurv.schema import CELLS, USABLE


def condition(where: str) -> pl.Expr:
    """The boolean expression that an SQL condition such as `method = 'pca' AND seed < 3` means.

    Raises:
        ParameterError: it is not SQL, names a column that `cells` lacks, or is not true or false.
    """
    if not isinstance(where, str):
        raise ParameterError(f"where must be SQL, such as \"method = 'pca'\", not {where!r}")
    try:
        expr = pl.sql_expr(where)
        unknown = sorted(set(expr.meta.root_names()) - set(CELLS.names))
        if unknown:
            raise ParameterError(
                f"where {where!r}: cells has no column {', '.join(unknown)}; it has {', '.join(CELLS.names)} "
                "(text is in quotes, as in method = 'pca'; doses are chosen with alphas, --alphas)"
            )
        result = CELLS.schema.to_frame().select(expr).to_series()
    except pl.exceptions.PolarsError as error:
        raise ParameterError(f"where {where!r} is not a condition: {first_line(error)}") from None
    if result.dtype != pl.Boolean:
        raise ParameterError(f"where {where!r} gives {result.dtype}, not true or false")
    return expr


def keeps(cells: pl.DataFrame, expr: pl.Expr) -> pl.Series:
    """For each row of `cells`, whether the condition holds of it, looked at alone.

    Where it cannot be told, as a fact is null, a cell that can be used is not kept; one that cannot is, so that its
    error is told.

    Raises:
        ParameterError: it cannot be evaluated, as a cast of a name to a number.
    """
    try:
        known = cells.with_row_index("row").select(expr.over("row")).to_series()
    except pl.exceptions.PolarsError as error:
        raise ParameterError(f"where cannot be evaluated: {first_line(error)}") from None
    return known.fill_null(~cells.get_column("status").is_in(USABLE))
