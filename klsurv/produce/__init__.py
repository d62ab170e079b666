"""Run cells from elsewhere. In: arrays while a sweep runs, or a long table. Out: cells as a producer writes them."""
