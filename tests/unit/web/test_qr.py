"""The pictures hold the code: they are read back, module by module."""

import re
import zlib
from xml.etree import ElementTree as ET

import pytest
import segno

from sololine.web.qr import draw

SCALE, BORDER = 6, 4
# What WhatsApp's codes look like: a link, five values with commas between.
WHATSAPP = "https://wa.me/settings/linked_devices#2@" + ",".join(
    part * 44 for part in ("aB3+", "x/9=", "Qq0k", "zZ7r", "1")
)
TEXTS = ["x", WHATSAPP, "ñandú 🐦"]

Modules = list[list[bool]]


def expected(text: str) -> Modules:
    """The dark modules of the code, with the quiet zone around."""
    rows = segno.make(text, error="l", micro=False).matrix
    blank = [False] * (len(rows) + 2 * BORDER)
    side = [False] * BORDER
    return [
        *[blank] * BORDER,
        *(side + [bool(module) for module in row] + side for row in rows),
        *[blank] * BORDER,
    ]


def modules_of_png(png: bytes) -> Modules:
    """Read a grey picture of one bit a pixel; every pixel of a module must agree."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks: dict[bytes, bytes] = {}
    place = 8
    while place < len(png):
        length = int.from_bytes(png[place : place + 4])
        kind = png[place + 4 : place + 8]
        chunks[kind] = chunks.get(kind, b"") + png[place + 8 : place + 8 + length]
        place += length + 12
    width, height = (int.from_bytes(chunks[b"IHDR"][at : at + 4]) for at in (0, 4))
    assert chunks[b"IHDR"][8:10] == b"\x01\x00", "one bit, grey"
    rows = zlib.decompress(chunks[b"IDAT"])
    stride = 1 + -(-width // 8)
    pixels = []
    above = bytes(stride - 1)
    for row in range(height):
        how, *line = rows[row * stride : (row + 1) * stride]
        assert how in (0, 2), "as it is, or the difference from the row above"
        above = (
            bytes(a + b & 0xFF for a, b in zip(line, above, strict=True)) if how else bytes(line)
        )
        pixels.append([not above[x // 8] >> (7 - x % 8) & 1 for x in range(width)])
    modules = []
    for top in range(0, height, SCALE):
        row = []
        for left in range(0, width, SCALE):
            square = {
                pixels[y][x] for y in range(top, top + SCALE) for x in range(left, left + SCALE)
            }
            assert len(square) == 1
            row.append(square.pop())
        modules.append(row)
    return modules


def modules_of_svg(svg: bytes) -> Modules:
    """Read the one path that segno draws: strokes one module high."""
    root = ET.fromstring(svg)
    (path,) = root.iter("{http://www.w3.org/2000/svg}path")
    size = int(root.attrib["width"]) // SCALE
    modules = [[False] * size for _ in range(size)]
    x = y = 0.0
    for command, numbers in re.findall(r"([Mmh])([-\d. ]+)", path.attrib["d"]):
        values = [float(number) for number in numbers.split()]
        match command:
            case "M":
                x, y = values
            case "m":
                x, y = x + values[0], y + values[1]
            case "h":
                for left in range(int(x), int(x + values[0])):
                    modules[int(y)][left] = True
                x += values[0]
    return modules


@pytest.mark.parametrize("text", TEXTS)
async def test_the_png_shows_every_module_of_the_code_and_a_quiet_zone(text: str) -> None:
    assert modules_of_png(await draw(text, "png")) == expected(text)


@pytest.mark.parametrize("text", TEXTS)
async def test_the_svg_shows_every_module_of_the_code_and_a_quiet_zone(text: str) -> None:
    assert modules_of_svg(await draw(text, "svg")) == expected(text)


async def test_other_texts_make_other_pictures() -> None:
    assert await draw("one", "png") != await draw("two", "png")
