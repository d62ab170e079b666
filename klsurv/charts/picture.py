"""Counted lines as a picture. In: lines per pixel. Out: a PNG as a data URL, looking like the lines one by one."""

from __future__ import annotations

import base64
import struct
import sys
import zlib
from array import array

import polars as pl

from klsurv.charts.theme import ALIVE, DEAD


def picture_url(ink: pl.DataFrame, *, width: int, opacity: float) -> str:
    """The picture of `frames.ink`: n lines of an opacity over nothing, the dead first, the alive over them."""
    # A power for each number of lines, not for each pixel.
    powers = pl.Series([(1 - opacity) ** n for n in range(_most(ink) + 1)])
    seen_through = ink.select(pl.lit(powers).gather(pl.col(state)).alias(state) for state in ("alive", "dead"))
    # Porter & Duff (1984), over: what covers is of the colour of both by their shares.
    above, below = 1 - pl.col("alive"), (1 - pl.col("dead")) * pl.col("alive")
    cover = above + below
    shade = [
        pl.when(cover > 0).then((dead * below + alive * above) / cover).otherwise(0.0)
        for dead, alive in zip(*map(_channels, (DEAD, ALIVE)), strict=True)
    ]
    red, green, blue, opaque = (channel.round().cast(pl.UInt32) for channel in (*shade, 255 * cover))
    pixels = array("I", seen_through.select(red + green * 2**8 + blue * 2**16 + opaque * 2**24).to_series().to_list())
    if sys.byteorder == "big":
        pixels.byteswap()
    data, stride = pixels.tobytes(), 4 * width
    rows = b"".join(b"\0" + data[start : start + stride] for start in range(0, len(data), stride))
    header = struct.pack(">IIBBBBB", width, len(data) // stride, 8, 6, 0, 0, 0)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 1)) + _chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + chunks).decode()


def _most(ink: pl.DataFrame) -> int:
    return int(ink.select(pl.max_horizontal(pl.col("alive", "dead").max().fill_null(0))).item())


def _channels(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
