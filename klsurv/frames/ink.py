"""Lines too many to draw one by one. In: drawn trajectories. Out: how many of them cross each pixel of a panel."""

from __future__ import annotations

import polars as pl

from klsurv.exprs.axes import Axes

# Pixels of the picture to one of the page, along each side.
PIXELS = 2


def ink(drawn: pl.LazyFrame, *, axes: Axes) -> pl.LazyFrame:
    """One row per pixel, row by row from the upper left: `alive` and `dead`, the lines of each state that cross it.

    What M4 keeps of a line in a pixel column is the stretch from its lowest to its highest value there; here that
    stretch is counted, not drawn. A segment has the state of its first token; a value that is not finite breaks a line.
    The ink of more lines is the sum of theirs.
    """
    width, height = axes.width * PIXELS, axes.height * PIXELS
    stretches = _stretches(drawn, axes=axes).filter((pl.col("bottom") >= 0) & (pl.col("top") < height))
    inside = stretches.with_columns(pl.col("top", "bottom").clip(0, height - 1))
    # Down the columns, one after the other, a pixel is crossed by the stretches that have begun by then, less those
    # that have ended: all ends are sorted, and each pixel's place among them is how many there are. The row below the
    # picture is where the last stretches of a column end.
    pixel = pl.col("column") * (height + 1)
    begin, end = pixel + pl.col("top"), pixel + pl.col("bottom") + 1
    across, down = pl.int_range(width * height) % width, pl.int_range(width * height) // width
    every = pl.int_range(width * (height + 1))

    def crossing(state: pl.Expr) -> pl.Expr:
        begun, ended = (edge.filter(state).sort().search_sorted(every, side="right") for edge in (begin, end))
        return (begun.cast(pl.Int64) - ended.cast(pl.Int64)).gather(across * (height + 1) + down)

    return inside.select(alive=crossing(pl.col("alive")), dead=crossing(~pl.col("alive")))


def _stretches(drawn: pl.LazyFrame, *, axes: Axes) -> pl.LazyFrame:
    """One row per line, state and pixel column: the rows from `top` to `bottom` that it crosses, in or out of view."""
    t, y, column, key = pl.col("t"), pl.col("y"), pl.col("column"), pl.col("key")
    one = ["line", "alive", "column"]
    # The three as one number, which never falls from one row to the next, so that groups are runs and none is hashed.
    # All that lies beyond the right edge is one column, which nobody sees.
    columns = axes.width * PIXELS + 1
    alive = (t < pl.col("death_t")).fill_null(True)
    at = (axes.x(t) * PIXELS).cast(pl.Int64).clip(upper_bound=columns - 1)
    inner = (
        drawn.with_row_index("line")
        .select("line", "death_t", "y", t=pl.int_ranges(0, pl.col("length")))
        .explode("t", "y")
        .filter(y.is_finite())
        .select("t", key=(pl.col("line").cast(pl.Int64) * 2 + ~alive) * columns + at, y=axes.y(y) * PIXELS)
        .with_columns(key.set_sorted())
        .group_by("key", maintain_order=True)
        .agg(high=y.min(), low=y.max(), t0=t.first(), t1=t.last(), y0=y.first(), y1=y.last())
        .with_columns(line=key // (2 * columns), alive=key // columns % 2 == 0, column=key % columns)
    )
    # From the last point of a column a segment leads to the first of the next one that has any. It stretches both up to
    # the edge that it crosses, and fills the columns between.
    x1, x2, y1, leaves, enters, next_column = (
        pl.col(name) for name in ("x1", "x2", "y1", "leaves", "enters", "next_column")
    )
    slope = (pl.col("y2") - y1) / (x2 - x1)
    linked = (
        inner.with_columns(
            x1=axes.x(pl.col("t1")) * PIXELS,
            x2=axes.x(pl.col("t0").shift(-1)) * PIXELS,
            y2=pl.col("y0").shift(-1),
            next_column=column.shift(-1),
            unbroken=(pl.col("line") == pl.col("line").shift(-1)) & (pl.col("t0").shift(-1) == pl.col("t1") + 1),
            same=pl.col("alive") == pl.col("alive").shift(-1),
        )
        .with_columns(
            leaves=pl.when("unbroken").then(y1 + slope * (pl.min_horizontal(column + 1, x2) - x1)),
            enters=pl.when("unbroken", "same").then(y1 + slope * (next_column - x1)),
        )
        .with_columns(
            high=pl.min_horizontal("high", leaves, enters.shift(1)),
            low=pl.max_horizontal("low", leaves, enters.shift(1)),
        )
    )
    ends = y1 + slope * (column - x1), y1 + slope * (pl.min_horizontal(column + 1, x2) - x1)
    # The column where it ends is filled too where the next point is dead: the segment is still alive there.
    between = (
        linked.filter("unbroken")
        .with_columns(column=pl.int_ranges(column + 1, next_column + (~pl.col("same")).cast(pl.Int64)))
        .explode("column", empty_as_null=False)
        .select(*one, high=pl.min_horizontal(*ends), low=pl.max_horizontal(*ends))
    )
    return pl.concat([linked.select(*one, "high", "low"), between]).select(
        *one, top=pl.col("high").floor().cast(pl.Int64), bottom=pl.col("low").floor().cast(pl.Int64)
    )
