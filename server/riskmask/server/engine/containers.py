"""What Pillow's plug-ins leave unchecked before they allocate or decode."""

from __future__ import annotations

import itertools
import math
import re
import struct
import zlib
from collections.abc import Iterator

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_CHUNK_OVERHEAD = 12  # length, type and checksum, four bytes each
# Pillow walks over these one by one, in Python. The usual 8 KiB a chunk make 8,192 of 64 MiB;
# larger files may have one for each 4 KiB.
MOST_CHUNKS = 16_384
BYTES_PER_CHUNK = 4096
MOST_SEGMENTS = 16_384
# A progressive JPEG has ten or so. Each goes over the whole picture, however few bytes it has:
# 45 ms of 16 million pixels for 33 bytes.
MOST_SCANS = 100
# 64 MiB of picture in sub-blocks of 255 bytes, and as many for each byte of larger files.
MOST_SUB_BLOCKS = 270_000
BYTES_PER_SUB_BLOCK = 248

# The next marker behind a scan's data, in which 0xFF is followed by 0 or a restart's number.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7]")

# An ImageSpatialExtentsProperty, version 0, and what it says (ISO/IEC 23008-12, section 6.5.3).
_EXTENTS = re.compile(rb"\0\0\0\x14ispe\0\0\0\0(.{8})", re.DOTALL)
_AVIF_HEAD = 1 << 16


def avif_canvas(content: bytes) -> tuple[int, int] | None:
    """The largest width and height that an AVIF or HEIF header claims, else None."""
    if content[4:8] != b"ftyp":
        return None
    sizes = [struct.unpack(">II", found[1]) for found in _EXTENTS.finditer(content[:_AVIF_HEAD])]
    return max(((width, height) for width, height in sizes), default=None, key=math.prod)


def webp_canvas(content: bytes) -> tuple[int, int] | None:
    """Width and height that a WebP header claims (RFC 9649, sections 2.5 to 2.7), else None."""
    head = content[:30]
    if len(head) < 30 or head[:4] != b"RIFF" or head[8:12] != b"WEBP":
        return None
    if head[12:16] == b"VP8X":
        low_w, high_w, low_h, high_h = struct.unpack("<HBHB", head[24:30])
        return (low_w | high_w << 16) + 1, (low_h | high_h << 16) + 1
    if head[12:16] == b"VP8L":
        (bits,) = struct.unpack("<I", head[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if head[12:16] == b"VP8 ":
        width, height = struct.unpack("<HH", head[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return None


def too_many_parts(content: bytes) -> bool:
    """Whether a PNG has more chunks, a JPEG more segments or scans, or a GIF more sub-blocks than
    any honest file of its size, which would keep a decoder busy for minutes or hours.

    Counts until a PNG's IEND, a GIF's trailer or the end of a JPEG's first picture, or the limit
    is passed. What stands behind them is free.
    """
    if content.startswith(PNG_SIGNATURE):
        most = max(MOST_CHUNKS, len(content) // BYTES_PER_CHUNK)
        return _exceeds(_png_chunks(content), most)
    if content.startswith(b"\xff\xd8"):
        return _exceeds(_jpeg_segments(content), MOST_SEGMENTS) or _exceeds(
            _jpeg_scans(content), MOST_SCANS
        )
    if content.startswith((b"GIF87a", b"GIF89a")):
        most = max(MOST_SUB_BLOCKS, len(content) // BYTES_PER_SUB_BLOCK)
        return _exceeds(_gif_sub_blocks(content), most)
    return False


def _exceeds(parts: Iterator[int], limit: int) -> bool:
    return next(itertools.islice(parts, limit, None), None) is not None


def _png_chunks(content: bytes) -> Iterator[int]:
    """Where each chunk begins, up to IEND (PNG specification, third edition, section 5.3)."""
    place = len(PNG_SIGNATURE)
    while place + PNG_CHUNK_OVERHEAD <= len(content):
        yield place
        if content[place + 4 : place + 8] == b"IEND":
            return
        place += PNG_CHUNK_OVERHEAD + int.from_bytes(content[place : place + 4], "big")


def _jpeg_segments(content: bytes) -> Iterator[int]:
    """Where each marker segment of the first picture begins (ITU-T T.81, annex B.1.1)."""
    place, coded = 2, False
    while place + 4 <= len(content):
        if coded:  # behind the first scan's header only markers count, wherever a length has led
            marker = _MARKER.search(content, place)
            if marker is None or marker.start() + 4 > len(content):
                return
            place = marker.start()
        yield place
        kind = content[place + 1]
        if content[place] != 0xFF:  # what does not belong to a segment is skipped
            place += 1
        elif kind == 0xD9 and coded:  # before that decoders read on
            return
        elif kind in b"\xff\x00\x01\xd0\xd1\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9":
            place += 1 if kind == 0xFF else 2
        else:
            coded = coded or kind == 0xDA
            place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")


def _jpeg_scans(content: bytes) -> Iterator[int]:
    """Where each scan of the first picture begins, of a file without too many segments."""
    return (place for place in _jpeg_segments(content) if content[place + 1] == 0xDA)


def _gif_sub_blocks(content: bytes) -> Iterator[int]:
    """Where each sub-block begins, of all pictures and extensions (GIF89a, sections 15 to 27)."""
    place, first = 13 + _gif_table(content, 10), True
    while place < len(content) and content[place] != 0x3B:
        go_on = False
        if content[place] == 0x21:
            go_on = _goes_on(content, place, first)
            place += 2
        elif content[place] == 0x2C:
            first = False
            place += 11 + _gif_table(content, place + 9)
        else:  # Pillow skips what is neither
            yield place
            place += 1
            continue
        while place < len(content):
            yield place
            length = content[place]
            place += 1 + length
            if not length:
                if not go_on:
                    break
                go_on = False


def _goes_on(content: bytes, place: int, first: bool) -> bool:
    """Whether Pillow reads the extension at this place beyond its end, up to one more empty block.

    It does where the first block is empty, but for comments, and before the first picture where
    the block behind a NETSCAPE2.0 is. It would miss a trailer there.
    """
    label, block = content[place + 1 : place + 2], content[place + 2 : place + 258]
    if label == b"\xfe" or not block:
        return False
    repeats = first and label == b"\xff" and block.startswith(b"NETSCAPE2.0", 1)
    return not block[0] or (
        repeats and content[place + 3 + block[0] : place + 4 + block[0]] == b"\0"
    )


def _gif_table(content: bytes, flags_at: int) -> int:
    """Bytes of the colour table that these flags announce."""
    flags = content[flags_at] if flags_at < len(content) else 0
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def png_data_intact(content: bytes) -> bool:
    """Whether every complete IDAT chunk of a PNG has its checksum; True for anything else.

    PNG specification, third edition, section 5.3. Chunks that are cut off are left to the
    decoder.
    """
    if not content.startswith(PNG_SIGNATURE):
        return True
    view = memoryview(content)
    for place in _png_chunks(content):
        (length,) = struct.unpack(">I", view[place : place + 4])
        end = place + PNG_CHUNK_OVERHEAD + length
        if end > len(content):
            break
        if content[place + 4 : place + 8] == b"IDAT":
            (checksum,) = struct.unpack(">I", view[end - 4 : end])
            if zlib.crc32(view[place + 4 : end - 4]) != checksum:
                return False
    return True
