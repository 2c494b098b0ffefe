"""The container of learned codecs: a short header and two entropy-coded streams.

Layout, little-endian: ``RM`` | CRC-32 of all that follows | 2 bytes of the weights' hash | width
u16 | height u16 | level u8 in 1/32 level, or 255 and a u16 length with a deflated map of such
bytes | length of the hyper stream as LEB128 | hyper stream | latent stream.

CompressAI's rANS decoder knows no end: from a stream that is cut off it reads memory that is not
its own, or crashes the process. So nothing reaches it whose checksum is wrong. That guards against
damage, not against malice: decode streams of those you trust.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from riskmask.model.codecs.base import BitstreamError
from riskmask.model.codecs.layers import BLOCK

MAGIC = b"RM"
LEVEL_STEPS = 32  # the level is stored in 1/32
_MAP = 255
_HEAD = struct.Struct("<2sI2sHHB")
_CHECKED = 6  # where the bytes that the checksum covers begin
_WORD = 4  # rANS writes words of 32 bits and starts from a state of 64
_LARGEST_SIDE = 0xFFFF


@dataclass(frozen=True)
class Container:
    """A parsed stream.

    Attributes:
        weights: first two bytes of the SHA-256 of the weights that can decode it.
        width, height: in pixels.
        levels: 0-d, or (ceil(H/16), ceil(W/16)), uint8 in 1/32 level.
        hyper, latent: entropy-coded streams; a codec without side information has no hyper stream.
    """

    weights: bytes
    width: int
    height: int
    levels: NDArray[np.uint8]
    hyper: bytes
    latent: bytes


def pack(content: Container) -> bytes:
    """Write a container.

    Raises:
        ValueError: a side is not 1 to 65535 pixels, or the level map does not fit its header.
    """
    if not (0 < content.width <= _LARGEST_SIDE and 0 < content.height <= _LARGEST_SIDE):
        raise ValueError(f"sides must be 1 to {_LARGEST_SIDE} pixels")
    uniform = content.levels.ndim == 0
    level = int(content.levels) if uniform else _MAP
    head = _HEAD.pack(MAGIC, 0, content.weights, content.width, content.height, level)
    if not uniform:
        deflated = zlib.compress(content.levels.tobytes(), 9)
        if len(deflated) > 0xFFFF:
            raise ValueError("the level map is too detailed for one header; smooth it")
        head += struct.pack("<H", len(deflated)) + deflated
    covered = head[_CHECKED:] + _leb128(len(content.hyper)) + content.hyper + content.latent
    return MAGIC + struct.pack("<I", zlib.crc32(covered)) + covered


def unpack(stream: bytes) -> Container:
    """Read a container.

    Raises:
        BitstreamError: it is not one, it is cut off or damaged.
    """
    if len(stream) < _HEAD.size or stream[:2] != MAGIC:
        raise BitstreamError("not a riskmask stream")
    _, checksum, weights, width, height, level = _HEAD.unpack_from(stream)
    if zlib.crc32(stream[_CHECKED:]) != checksum:
        raise BitstreamError("the stream is cut off or damaged")
    if width == 0 or height == 0:
        raise BitstreamError("the header claims an empty picture")
    position = _HEAD.size
    levels = np.array(level, dtype=np.uint8)
    if level == _MAP:
        if len(stream) < position + 2:
            raise BitstreamError("the stream ends inside its header")
        (length,) = struct.unpack_from("<H", stream, position)
        position += 2
        rows, columns = -(-height // BLOCK), -(-width // BLOCK)
        inflater = zlib.decompressobj()
        try:
            cells = inflater.decompress(stream[position : position + length], rows * columns + 1)
        except zlib.error as error:
            raise BitstreamError("the level map is damaged") from error
        if len(cells) != rows * columns:
            raise BitstreamError("the level map does not fit the picture")
        levels = np.frombuffer(cells, dtype=np.uint8).reshape(rows, columns)
        position += length
    if levels.max() > 7 * LEVEL_STEPS:
        raise BitstreamError("a level is over 7")
    hyper_length, position = _read_leb128(stream, position)
    if position + hyper_length > len(stream):
        raise BitstreamError("the stream is cut off")
    hyper, latent = stream[position : position + hyper_length], stream[position + hyper_length :]
    if not _whole(latent) or (hyper and not _whole(hyper)):
        raise BitstreamError("an entropy-coded part has an impossible length")
    return Container(weights, width, height, levels, hyper, latent)


def _whole(coded: bytes) -> bool:
    """Whether it can be a rANS stream: words, and at least the two of the coder's state."""
    return len(coded) % _WORD == 0 and len(coded) >= 2 * _WORD


def _leb128(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read_leb128(stream: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(stream) and shift < 35:
        byte = stream[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise BitstreamError("the stream is cut off")
