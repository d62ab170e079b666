"""Functions LazyFrame → LazyFrame, sentences of the expressions in `klsurv.exprs`; no file, no collect."""
