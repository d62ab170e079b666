"""The program `klsurv`, and `python -m klsurv`. In: arguments and signals. Out: an exit code."""

from klsurv.interrupts import Interrupts


def main() -> None:
    """Run the command line, which Ctrl-C ends without a trace even while it loads."""
    interrupts = Interrupts()
    interrupts.leave_at_once()
    from klsurv.cli import run

    run(interrupts)


if __name__ == "__main__":
    main()
