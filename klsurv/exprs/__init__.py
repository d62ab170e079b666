"""The rules of klsurv as functions that return `pl.Expr`, and of axes as numbers too: no frame, no I/O, no collect."""
