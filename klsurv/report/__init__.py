"""One HTML file that people send around. In: `Runs`. Out: what was read, live figures, all charts, the data."""
