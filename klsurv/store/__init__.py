"""The parquet dataset of a sweep: one file per cell, kept up to date, read in place of the run cells."""
