"""Every table that klsurv makes: its columns, their dtypes, units and meaning.

In: nothing. Out: the declarations that frames, files, the README and `klsurv schema` share.
"""

from __future__ import annotations

from klsurv.schema.calibration import BAND, BISECTION, CALIBRATION, HELDOUT
from klsurv.schema.declare import Column, Table, typed
from klsurv.schema.measured import (
    CELL_FACTS,
    CELLS,
    CHANGES,
    CHECK,
    FACTS,
    GROUP_COLUMNS,
    KEY,
    LONG,
    RUN,
    SCORED,
    SOURCE,
    TRAJECTORIES,
    USABLE,
)
from klsurv.schema.statistics import (
    COMPARE,
    DOSE,
    HAZARD,
    INCIDENCE,
    LANDMARK,
    LIFETIMES,
    STORY,
    STUDY,
    SUMMARY,
    SURVIVAL,
    THRESHOLD,
)

# Keys in the footer of a parquet file: the table's name, and the tables (as JSON) that its rows cannot hold.
FOOTER_TABLE, FOOTER_CELLS, FOOTER_ROWS = "klsurv.table", "klsurv.cells", "klsurv.rows"
FOOTER_EMPTY, FOOTER_FACTS = "klsurv.empty", "klsurv.facts"

_MEASURED = {table.name: table for table in (CELLS, CHECK, TRAJECTORIES, LONG, SCORED)}
STATISTICS = {
    table.name: table
    for table in (
        SUMMARY,
        SURVIVAL,
        LIFETIMES,
        INCIDENCE,
        COMPARE,
        DOSE,
        THRESHOLD,
        STUDY,
        HAZARD,
        LANDMARK,
        CALIBRATION,
        HELDOUT,
        BISECTION,
    )
}
TABLES = _MEASURED | STATISTICS | {STORY.name: STORY, CHANGES.name: CHANGES}
# Tables whose rows are groups of the user's choice: the columns of `--by` come before those declared.
GROUPED = ("summary", "survival", "lifetimes", "incidence", "dose", "threshold", "study", "hazard", "landmark")
# Tables that are made a cell at a time; a file of one can be read as runs again.
BY_CELL = ("trajectories", "long", "scored")

__all__ = [
    "BAND",
    "BISECTION",
    "BY_CELL",
    "CALIBRATION",
    "CELLS",
    "CELL_FACTS",
    "CHANGES",
    "CHECK",
    "COMPARE",
    "DOSE",
    "FACTS",
    "FOOTER_CELLS",
    "FOOTER_EMPTY",
    "FOOTER_FACTS",
    "FOOTER_ROWS",
    "FOOTER_TABLE",
    "GROUPED",
    "GROUP_COLUMNS",
    "HAZARD",
    "HELDOUT",
    "INCIDENCE",
    "KEY",
    "LANDMARK",
    "LIFETIMES",
    "LONG",
    "RUN",
    "SCORED",
    "SOURCE",
    "STATISTICS",
    "STORY",
    "STUDY",
    "SUMMARY",
    "SURVIVAL",
    "TABLES",
    "THRESHOLD",
    "TRAJECTORIES",
    "USABLE",
    "Column",
    "Table",
    "typed",
]
