"""What is tested: the rules by the oracle and by hand, statistics by other packages, commands as a user runs them."""

import os

# The workers of the suite take a processor each. Polars asks how many it may take when it starts its threads, so that a
# command which a test runs as a program takes all, as it does for a user.
if "PYTEST_XDIST_WORKER" in os.environ and "POLARS_MAX_THREADS" not in os.environ:
    os.environ["POLARS_MAX_THREADS"] = "1"
    import polars

    assert polars.thread_pool_size() == 1
    del os.environ["POLARS_MAX_THREADS"]
