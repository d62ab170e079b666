"""`python -m klsurv`."""

from klsurv.cli import main

if __name__ == "__main__":
    main()
