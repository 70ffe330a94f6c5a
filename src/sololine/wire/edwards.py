"""The twisted Edwards form of Curve25519: what a Montgomery key needs in order to sign.

`cryptography` multiplies on this curve only inside whole Ed25519 operations, and those begin with
a seed, while WhatsApp's keys are bare X25519 scalars. So here are the two steps it lacks: the base
point times a scalar, and the Edwards form of a Montgomery public key.

Python's big numbers do not take the same time for every scalar. Who could measure single
signatures closely might learn about the key; nobody who only talks to us over a network can.
"""

from functools import cache
from typing import Final, TypeAlias

PRIME: Final = 2**255 - 19
ORDER: Final = 2**252 + 27742317777372353535851937790883648493

_D: Final = -121665 * pow(121666, -1, PRIME) % PRIME

_BASE_X: Final = 15112221349535400772501151409588531511454012693041857206046113283949847762202
_BASE_Y: Final = 4 * pow(5, -1, PRIME) % PRIME

Point: TypeAlias = tuple[int, int, int, int]
"""Extended coordinates X, Y, Z, T with x = X/Z, y = Y/Z, xy = T/Z (RFC 8032, 5.1.4)."""

_ZERO: Final[Point] = (0, 1, 1, 0)
_BASE: Final[Point] = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % PRIME)

_WINDOW_BITS: Final = 4
_WINDOWS: Final = 64


def times_base(scalar: int) -> bytes:
    """The base point times the scalar, in the 32-byte form of Ed25519."""
    point = _ZERO
    for row in _multiples():
        point = _add(point, row[scalar % len(row)])
        scalar >>= _WINDOW_BITS
    x, y, z, _ = point
    inverse = pow(z, -1, PRIME)
    parity = x * inverse % PRIME & 1
    return (y * inverse % PRIME | parity << 255).to_bytes(32, "little")


def from_montgomery(public: bytes, *, sign: int) -> bytes | None:
    """The Ed25519 form of an X25519 public key; None for the one key that has none.

    `sign` (0 or 1) is the parity of x, which the Montgomery form does not keep.
    """
    u = int.from_bytes(public, "little") % 2**255
    if (u + 1) % PRIME == 0:
        return None
    y = (u - 1) * pow(u + 1, -1, PRIME) % PRIME
    return (y | sign << 255).to_bytes(32, "little")


def _add(p: Point, q: Point) -> Point:
    # RFC 8032, 5.1.4: complete, so doubling and adding zero need no case of their own.
    a = (p[1] - p[0]) * (q[1] - q[0])
    b = (p[1] + p[0]) * (q[1] + q[0])
    c = 2 * _D * p[3] * q[3]
    d = 2 * p[2] * q[2]
    e, f, g, h = (b - a) % PRIME, (d - c) % PRIME, (d + c) % PRIME, (b + a) % PRIME
    return e * f % PRIME, g * h % PRIME, f * g % PRIME, e * h % PRIME


@cache
def _multiples() -> tuple[tuple[Point, ...], ...]:
    """For each group of four bits of a scalar, what its 16 values add to the product."""
    rows = []
    step = _BASE
    for _ in range(_WINDOWS):
        row = [_ZERO]
        for _ in range(2**_WINDOW_BITS - 1):
            row.append(_add(row[-1], step))
        rows.append(tuple(row))
        step = _add(row[-1], step)
    return tuple(rows)
