"""The rules of klsurv as functions that return `pl.Expr`: no frame, no I/O, no collect."""
