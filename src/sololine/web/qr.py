"""A QR as a picture, drawn outside the event loop (it takes tens of milliseconds)."""

import asyncio
import io
from typing import Literal

import segno

Picture = Literal["svg", "png"]


async def draw(text: str, kind: Picture) -> bytes:
    """Draw the QR of `text`; the quiet zone that cameras need is part of the picture."""
    return await asyncio.to_thread(_draw, text, kind)


def _draw(text: str, kind: Picture) -> bytes:
    out = io.BytesIO()
    segno.make(text, error="l", micro=False).save(out, kind=kind, scale=6, border=4)
    return out.getvalue()
