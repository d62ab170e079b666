"""Mutation testing: faults put into the code of klsurv, each of which a test has to find."""
