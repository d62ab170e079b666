"""Charts of runs: their tables are computed, then drawn."""
