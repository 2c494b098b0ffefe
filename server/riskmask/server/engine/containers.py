"""What Pillow's plug-ins leave unchecked before they allocate or decode."""

from __future__ import annotations

import struct
import zlib

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_CHUNK_OVERHEAD = 12  # length, type and checksum, four bytes each


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


def png_data_intact(content: bytes) -> bool:
    """Whether every complete IDAT chunk of a PNG has its checksum; True for anything else.

    PNG specification, third edition, section 5.3. Chunks that are cut off are left to the
    decoder.
    """
    if not content.startswith(PNG_SIGNATURE):
        return True
    view = memoryview(content)
    place = len(PNG_SIGNATURE)
    while place + PNG_CHUNK_OVERHEAD <= len(content):
        (length,) = struct.unpack(">I", view[place : place + 4])
        end = place + PNG_CHUNK_OVERHEAD + length
        if end > len(content):
            break
        if content[place + 4 : place + 8] == b"IDAT":
            (checksum,) = struct.unpack(">I", view[end - 4 : end])
            if zlib.crc32(view[place + 4 : end - 4]) != checksum:
                return False
        place = end
    return True
