"""R7. In: tokens and KL. Out: the same in pixels of a panel, as Vega's own scales would place them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import polars as pl

# Below this many units a logarithmic axis is linear.
LINEAR_BELOW = 0.1
# What lies far outside is drawn to the panel's edge all the same; rasterisers fail at astronomic coordinates.
_FAR = 200


def symlog(value: float, linear: float) -> float:
    """The symmetric logarithm that Vega's scale takes: linear well below `linear`, and odd."""
    return math.copysign(math.log1p(abs(value) / linear), value)


@dataclass(frozen=True, kw_only=True)
class Axes:
    """One panel: its size in pixels, and what its axes span: t from −1 to x_max, y from −5 % of y_max to y_max."""

    width: int
    height: int
    x_max: float
    y_max: float
    kl_log: bool = False

    @property
    def x_domain(self) -> tuple[float, float]:
        """Tokens at the left and right edge."""
        return -1.0, self.x_max

    @property
    def y_domain(self) -> tuple[float, float]:
        """KL at the lower and upper edge."""
        return -0.05 * self.y_max, self.y_max

    def x(self, t: pl.Expr) -> pl.Expr:
        """Pixels from the left edge."""
        low, high = self.x_domain
        return (t - low) * (self.width / (high - low))

    def y(self, kl: pl.Expr) -> pl.Expr:
        """Pixels from the upper edge, downwards."""
        low, high = (self._level(pl.lit(edge)) for edge in self.y_domain)
        pixels = (high - self._level(kl)) / (high - low) * self.height
        return pixels.clip(-_FAR * self.height, _FAR * self.height)

    def kl(self, pixels: float) -> float:
        """The KL so many pixels below the upper edge."""
        low, high = map(self._level_of, self.y_domain)
        level = high - pixels / self.height * (high - low)
        return math.copysign(LINEAR_BELOW * math.expm1(abs(level)), level) if self.kl_log else level

    def pixel(self, kl: float) -> float:
        """`y` of one KL."""
        low, high = map(self._level_of, self.y_domain)
        return (high - self._level_of(kl)) / (high - low) * self.height

    def _level_of(self, kl: float) -> float:
        return symlog(kl, LINEAR_BELOW) if self.kl_log else kl

    def _level(self, kl: pl.Expr) -> pl.Expr:
        return kl.sign() * (kl.abs() / LINEAR_BELOW).log1p() if self.kl_log else kl
