"""Run cells to tables: discover → parse → check → trajectories. The only place that opens a cell's files."""
