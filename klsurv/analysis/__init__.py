"""The questions that runs answer: layers of frames and stats put together, one table per method."""
