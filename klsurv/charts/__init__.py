"""Functions from finished tables to altair charts: no file, no statistic."""
