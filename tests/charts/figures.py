"""Every chart of a root, and ways to look into its specification."""

from __future__ import annotations

import io
import json
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import vl_convert
from PIL import Image

import klsurv
from klsurv.charts.figure import Figure
from klsurv.data import unpack
from klsurv.output.images import svg_of
from klsurv.params import Layout
from klsurv.plots import tables, trajectories

PICTURES = Path(__file__).parent / "pictures"
OPTIONS: Any = {"threshold": 0.3, "roll": 9}
FEW: Any = {"bootstrap": 100, "seed": 0}

# Each chart's function, and what it is called with besides.
CHARTS: dict[str, Any] = {
    "survival": (tables.draw_survival, {"by": "alpha"}),
    "quantiles": (trajectories.draw_quantiles, {}),
    "pmass": (trajectories.draw_pmass, {}),
    "incidence": (tables.draw_incidence, {"by": "alpha"}),
    "dose": (tables.draw_dose, {"by": (), **FEW}),
    "threshold": (tables.draw_threshold, {"by": "alpha"}),
    "precursor": (tables.draw_precursor, {"by": (), **FEW}),
    "calibration": (tables.draw_calibration, {}),
    "deaths": (trajectories.draw_deaths, {}),
    "compare": (tables.draw_compare, {"by": "method", **FEW}),
}


_DRAWN: dict[str, Figure] = {}


def draw(chart: str, root: Any, **how: Any) -> Figure:
    """As `_draw`, but the same figure of the same root is drawn once."""
    key = f"{chart} {root} {how}"
    if isinstance(root, klsurv.Runs) or key not in _DRAWN:
        _DRAWN[key] = _draw(chart, root, **how)
    return _DRAWN[key]


def _draw(chart: str, root: Any, *, alphas: list[float] | None = None, options: Any = OPTIONS, **how: Any) -> Figure:
    """The figure of a root, or of runs; `how` replaces what the chart is called with, `layout` how it is laid out."""
    function, usual = CHARTS[chart]
    layout = {} if chart == "compare" else {"layout": how.pop("layout", Layout())}
    # What the runs warn of, duplicates and pooled doses, is tested elsewhere.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", klsurv.KlsurvWarning)
        runs = root if isinstance(root, klsurv.Runs) else klsurv.scan(root, alphas=alphas)
        figure: Figure = function(runs, options=options, **layout, **{**usual, **how})
    return figure


def spec(figure: Figure) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(figure.spec(), parse_constant=_no_constant)
    return read


def panels(read: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = read["vconcat"][-1]["concat"]
    return found


def headings(read: dict[str, Any]) -> list[str]:
    return [panel["title"]["text"] for panel in panels(read)]


def legend(read: dict[str, Any]) -> list[str]:
    return texts(read["vconcat"][0])


def texts(panel: dict[str, Any]) -> list[str]:
    """What the notes of a panel say."""
    values = [layer["encoding"].get("text", {}).get("value") for layer in flat(panel)]
    return [value for value in values if value is not None]


def flat(panel: dict[str, Any]) -> list[dict[str, Any]]:
    """The layers of a panel, and of the layers in it."""
    return [deep for layer in panel["layer"] for deep in (flat(layer) if "layer" in layer else [layer])]


def layers(panel: dict[str, Any], mark: str) -> list[dict[str, Any]]:
    return [layer for layer in flat(panel) if layer["mark"]["type"] == mark]


def rows(read: dict[str, Any], layer: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows that a layer draws."""
    data = layer["data"]
    found: list[dict[str, Any]] = data["values"] if "values" in data else read["datasets"][data["name"]]
    return found


def png(figure: Figure) -> bytes:
    """The picture, small."""
    data: bytes = vl_convert.svg_to_png(svg_of(figure.spec()), scale=0.5)
    return data


def pixels(data: bytes) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=float)


def alike(now: bytes, then: bytes) -> bool:
    """Whether two pictures show the same, but for how a machine smooths edges and letters."""
    one, other = pixels(now), pixels(then)
    return one.shape == other.shape and bool(np.abs(one - other).mean(axis=(0, 1)).max() < 1.5)


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} in a specification")


def main() -> None:
    """Draw the pictures that tests compare with anew."""
    with tempfile.TemporaryDirectory() as root:
        unpack(Path(root))
        for chart in sys.argv[1:] or CHARTS:
            (PICTURES / f"{chart}.png").write_bytes(png(draw(chart, root)))


if __name__ == "__main__":
    main()
