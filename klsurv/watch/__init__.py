"""A sweep that is still running. In: a path that is looked at again and again. Out: what is known of it so far."""
