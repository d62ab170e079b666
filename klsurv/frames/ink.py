"""Lines too many to draw one by one. In: drawn trajectories. Out: how many of them cross each pixel of a panel."""

from __future__ import annotations

import polars as pl

from klsurv.exprs.axes import Axes

# Pixels of the picture to one of the page, along each side.
PIXELS = 2


def ink(edges: pl.DataFrame, *, axes: Axes) -> pl.DataFrame:
    """One row per pixel, row by row from the upper left: `alive` and `dead`, the lines of each state that cross it.

    What M4 keeps of a line in a pixel column is the stretch from its lowest to its highest value there; here that
    stretch is counted, not drawn. The ink of more lines is the sum of theirs.
    """
    width, height = _size(axes)
    # Down the columns, one after the other, a pixel is crossed by the stretches that have begun by then, less those
    # that have ended.
    begun, ended = (_tallied(edges.get_column(name), n=2 * _places(axes)) for name in ("begin", "end"))
    crossing = (begun - ended).cum_sum()
    across, down = pl.int_range(width * height) % width, pl.int_range(width * height) // width
    place = pl.select(across * (height + 1) + down).to_series()
    dead, alive = crossing.head(_places(axes)), crossing.tail(_places(axes))
    return pl.DataFrame({"alive": alive.gather(place), "dead": dead.gather(place)})


def edges(drawn: pl.LazyFrame, *, axes: Axes) -> pl.LazyFrame:
    """One row per line, state and pixel column in which it is seen: where it begins, and where it has ended (`end`).

    Places are numbered down the columns, one after the other, first for the dead and then for the alive. Each column
    has one more than it has pixels, below the picture, where its last stretches end.
    """
    width, height = _size(axes)
    top, bottom = pl.col("top"), pl.col("bottom")
    first = pl.col("alive").cast(pl.Int64) * _places(axes) + pl.col("column") * (height + 1)
    seen = _stretches(drawn, axes=axes).filter(pl.col("column") < width, bottom >= 0, top < height)
    return seen.select(begin=first + top.clip(0), end=first + bottom.clip(upper_bound=height - 1) + 1)


def _size(axes: Axes) -> tuple[int, int]:
    return axes.width * PIXELS, axes.height * PIXELS


def _places(axes: Axes) -> int:
    width, height = _size(axes)
    return width * (height + 1)


def _tallied(numbers: pl.Series, *, n: int) -> pl.Series:
    """How often each number from 0 to below `n` occurs."""
    runs = numbers.sort().rle().struct.unnest()
    return pl.zeros(n, dtype=pl.Int32, eager=True).scatter(runs.get_column("value"), runs.get_column("len"))


def _stretches(drawn: pl.LazyFrame, *, axes: Axes) -> pl.LazyFrame:
    """One row per line, `alive` and pixel `column`: the rows from `top` to `bottom` that it crosses, in view or not.

    A segment has the state of its first token; a value that is not finite breaks a line. All that lies beyond the
    right edge is one column.
    """
    t, y, column, key = pl.col("t"), pl.col("y"), pl.col("column"), pl.col("key")
    one = ["line", "alive", "column"]
    # The three as one number, which never falls from one row to the next, so that groups are runs and none is hashed.
    columns = axes.width * PIXELS + 1
    at = (axes.x(t) * PIXELS).cast(pl.Int64).clip(upper_bound=columns - 1)
    tokens = (
        drawn.with_row_index("line")
        .select(
            "y",
            t=pl.int_ranges(0, pl.col("length")),
            first=pl.col("line").cast(pl.Int64) * (2 * columns),
            death_t=pl.col("death_t").fill_null(pl.col("length")),
        )
        .explode("t", "y")
        .filter(y.is_finite())
        .select("t", "y", key=pl.col("first") + at + (t >= pl.col("death_t")) * columns)
    )
    # Lists of a few values each, whose extremes are found in a quarter of the time that aggregating them takes.
    inner = (
        tokens.with_columns(key.set_sorted())
        .group_by("key", maintain_order=True)
        .agg("y", t0=t.first(), t1=t.last())
        .select(
            "t0",
            "t1",
            # Rows are counted downwards.
            high=axes.y(y.list.max()) * PIXELS,
            low=axes.y(y.list.min()) * PIXELS,
            y0=axes.y(y.list.first()) * PIXELS,
            y1=axes.y(y.list.last()) * PIXELS,
            line=key // (2 * columns),
            alive=key // columns % 2 == 0,
            column=key % columns,
        )
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
    rows = pl.concat([linked.select(*one, "high", "low"), between])
    return rows.select(*one, top=pl.col("high").floor().cast(pl.Int64), bottom=pl.col("low").floor().cast(pl.Int64))
