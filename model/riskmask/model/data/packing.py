"""Label maps as bytes: bit planes, and rates on a logarithmic scale of 255 steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from riskmask.model.data.planes import STRIDE, LabelMap
from riskmask.model.levels import ANCHORS

# A step is a factor of 1.039, so a rate is kept to 2%.
LEAST_RATE = 2.0**-10  # bits per pixel; stored as 0, as is everything below
MOST_RATE = 2.0**4
_STEPS = 255 / (np.log2(MOST_RATE) - np.log2(LEAST_RATE))
_CELL = 16

PLANES: tuple[str, ...] = tuple(field.name for field in fields(LabelMap))
_BITS = {"valid": 3, "present": 3, "present_valid": 3}  # planes of each, one bit per cell
_BYTES = {"high_impact": 1, "kind": 3}  # planes of each, one byte per cell


def pack_labels(labels: LabelMap) -> Mapping[str, bytes]:
    """One byte string for each field of a label map, uncompressed.

    ``changed`` is eight bit planes of (3, h, w), the coarsest level first; ``valid``, ``present``
    and ``present_valid`` are bit planes; bits are packed in rows across plane borders, the highest
    first. ``high_impact`` and ``kind`` are bytes. ``rate`` is bytes too: each level after the
    coarsest as its difference from the one before, modulo 256.
    """
    changed = np.stack([labels.changed_at(level) for level in range(ANCHORS)])
    rates = _quantised(labels.rate)
    packed = {name: np.packbits(getattr(labels, name)).tobytes() for name in _BITS}
    packed |= {name: getattr(labels, name).tobytes() for name in _BYTES}
    packed["changed"] = np.packbits(changed).tobytes()
    packed["rate"] = np.diff(rates, axis=0, prepend=np.uint8(0)).tobytes()
    return packed


def unpack_labels(packed: Mapping[str, bytes], width: int, height: int) -> LabelMap:
    """The label map of a picture of that size, from what :func:`pack_labels` gave.

    Raises:
        ValueError: the bytes are not those of such a picture.
    """
    cells = -(-height // STRIDE), -(-width // STRIDE)
    blocks = -(-height // _CELL), -(-width // _CELL)
    planes = {name: _bits(packed[name], (count, *cells)) for name, count in _BITS.items()}
    changed = _bits(packed["changed"], (ANCHORS, 3, *cells)).sum(axis=0, dtype=np.uint8)
    high_impact = np.frombuffer(packed["high_impact"], np.uint8).reshape(cells)
    kind = np.frombuffer(packed["kind"], np.uint8).reshape(3, *cells)
    steps = np.frombuffer(packed["rate"], np.uint8).reshape(ANCHORS, *blocks)
    codes = np.cumsum(steps, axis=0, dtype=np.uint8)
    rate = np.where(codes == 0, 0, LEAST_RATE * 2.0 ** (codes / _STEPS)).astype(np.float16)
    return LabelMap(changed=changed, high_impact=high_impact, kind=kind, rate=rate, **planes)


def pack_cells(mask: NDArray[np.bool_]) -> bytes:
    """(h, w) bool as packed bits."""
    return np.packbits(mask).tobytes()


def _bits(packed: bytes, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    count = int(np.prod(shape))
    if len(packed) != -(-count // 8):
        raise ValueError(f"{len(packed)} bytes are not the bit planes of {shape}")
    return np.unpackbits(np.frombuffer(packed, np.uint8), count=count).reshape(shape).astype(bool)


def _quantised(rate: NDArray[np.float16]) -> NDArray[np.uint8]:
    clipped = np.clip(rate.astype(np.float64), LEAST_RATE, MOST_RATE)
    return np.asarray(np.round(_STEPS * np.log2(clipped / LEAST_RATE)), dtype=np.uint8)
