"""What an argument or option can be. In: its text, whole or begun. Out: its value, or what the text may go on as."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import rich_click as click
from click.shell_completion import CompletionItem

from klsurv.errors import KlsurvError
from klsurv.ingest.remote import Place, place
from klsurv.params import GROUPS
from klsurv.validate import no_path

# Generic to a type checker only: in older versions of click neither this nor a `ParamType` is.
if TYPE_CHECKING:
    Items = list[CompletionItem[str]]


class Numbers(click.ParamType):  # type: ignore[type-arg]
    """Numbers separated by commas."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """The numbers as a tuple."""
        try:
            # Python would take 1_0 for ten.
            return tuple(map(float, value.replace("_", "?").split(","))) if isinstance(value, str) else value
        except ValueError:
            self.fail(f"{value!r} is not numbers separated by commas, such as 0,0.5,1", param, ctx)


class PlaceType(click.ParamType):  # type: ignore[type-arg]
    """A path, or an `s3://` url."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Place:
        """Where it is."""
        return place(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
        """The shell knows its files and directories best."""
        return [CompletionItem(incomplete, type="file")]


class DiskType(click.Path):
    """A path on disk, which is not empty."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        if value == "":
            self.fail(str(no_path(value)), param, ctx)
        return super().convert(value, param, ctx)


class Columns(click.ParamType):  # type: ignore[type-arg]
    """Names of columns separated by commas, which the command checks."""

    name = "columns"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text as it is."""
        return str(value)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
        """The columns that can make groups and are not among those named before."""
        before, comma, begun = incomplete.rpartition(",")
        named = before.split(",")
        return [
            CompletionItem(f"{before}{comma}{name}") for name in GROUPS if name.startswith(begun) and name not in named
        ]


def cells_of_runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> Items:
    """The cells in a RUNS that is a directory of them."""
    # Loaded here, as every command's help would load what reads cells with it.
    from klsurv.ingest.discover import discover

    # Behind an option that still lacks its value, click does not give arguments their names.
    try:
        runs = ctx.params.get("runs") or next(map(place, ctx.args), None)
        cells = discover(runs) if isinstance(runs, Path) else []
    except KlsurvError:
        return []
    return [CompletionItem(cell.name) for cell in cells if cell.name.startswith(incomplete)]
