"""Ways to damage an image file: blindly, and by what its format is made of.

Each takes a source of chance and a file, and gives another file. Where the format leaves nothing to
do, the file comes back as it was.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from random import Random
from typing import Final

Mutation = Callable[[Random, bytes], bytes]

# What is likely to be a limit somewhere.
EDGES: Final = (
    0,
    1,
    2,
    127,
    128,
    255,
    256,
    32767,
    32768,
    65535,
    65536,
    2**31 - 1,
    2**31,
    2**32 - 1,
)
PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
MOST_BYTES: Final = 200_000


def flip(chance: Random, content: bytes) -> bytes:
    """A few bits."""
    damaged = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def overwrite(chance: Random, content: bytes) -> bytes:
    """A number of one, two or four bytes, of either order, early in the file more often."""
    width, form = chance.choice(((1, "B"), (2, "<H"), (2, ">H"), (4, "<I"), (4, ">I")))
    end = chance.choice((64, 512, len(content)))
    place = chance.randrange(max(min(end, len(content)) - width, 1))
    number = struct.pack(form, chance.choice(EDGES) % (1 << 8 * width))
    return content[:place] + number + content[place + width :]


def truncate(chance: Random, content: bytes) -> bytes:
    """The end is missing."""
    return content[: chance.randrange(len(content))]


def cut(chance: Random, content: bytes) -> bytes:
    """A piece is missing."""
    start, end = _piece(chance, content)
    return content[:start] + content[end:]


def repeat(chance: Random, content: bytes) -> bytes:
    """A piece is there several times."""
    start, end = _piece(chance, content)
    times = chance.choice((2, 3, 100))
    return (content[:end] + content[start:end] * times + content[end:])[:MOST_BYTES]


def noise(chance: Random, content: bytes) -> bytes:
    """A piece is something else."""
    start, end = _piece(chance, content)
    return content[:start] + chance.randbytes(end - start) + content[end:]


def _piece(chance: Random, content: bytes) -> tuple[int, int]:
    start = chance.randrange(len(content))
    return start, min(len(content), start + chance.choice((1, 4, 16, 256, 4096)))


def png_chunks(chance: Random, content: bytes) -> bytes:
    """A chunk is dropped, doubled, moved, damaged or renamed, and has the right checksum."""
    if not content.startswith(PNG_SIGNATURE):
        return content
    chunks = _chunks(content)
    place = chance.randrange(len(chunks))
    kind, data = chunks[place]
    act = chance.randrange(6)
    if act == 0:
        del chunks[place]
    elif act == 1:
        chunks.insert(chance.randrange(len(chunks) + 1), (kind, data))
    elif act == 2:
        chunks.insert(chance.randrange(len(chunks)), chunks.pop(place))
    elif act == 3:
        other = chance.choice((b"tRNS", b"PLTE", b"iCCP", b"eXIf", b"acTL", b"fdAT", b"zTXt"))
        chunks[place] = other, data
    elif act == 4 and kind == b"IDAT":
        chunks[place] = kind, zlib.compress(flip(chance, _inflated(data) or b"\0"))
    elif data:
        chunks[place] = kind, chance.choice((flip, overwrite, truncate))(chance, data)
    return PNG_SIGNATURE + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    found, place = [], len(PNG_SIGNATURE)
    while place + 12 <= len(content):
        (length,) = struct.unpack(">I", content[place : place + 4])
        found.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + length]))
        place += 12 + length
    return found


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompress(data)
    except zlib.error:  # one of several chunks
        return b""


def jpeg_segments(chance: Random, content: bytes) -> bytes:
    """A marker segment is dropped, doubled, moved, damaged or gets another marker."""
    if not content.startswith(b"\xff\xd8"):
        return content
    segments, place = [], 2
    while place + 4 <= len(content) and content[place] == 0xFF and content[place + 1] != 0xDA:
        end = place + 2 + int.from_bytes(content[place + 2 : place + 4], "big")
        segments.append(content[place:end])
        place = end
    if not segments:
        return content
    rest = content[place:]
    chosen = chance.randrange(len(segments))
    segment, act = segments[chosen], chance.randrange(5)
    if act == 0:
        del segments[chosen]
    elif act == 1:
        segments.insert(chance.randrange(len(segments) + 1), segment)
    elif act == 2:
        segments.insert(chance.randrange(len(segments)), segments.pop(chosen))
    elif act == 3:
        marker = chance.choice((0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xC4, 0xDB, 0xDD, 0xE1, 0xE2, 0xEE))
        segments[chosen] = segment[:1] + bytes([marker]) + segment[2:]
    elif len(segment) > 4:
        data = chance.choice((flip, overwrite, truncate))(chance, segment[4:])
        segments[chosen] = segment[:2] + struct.pack(">H", len(data) + 2) + data
    return b"\xff\xd8" + b"".join(segments) + rest


def dimensions(chance: Random, content: bytes) -> bytes:
    """The header claims another width or height, at the place where this format has it."""
    place, form = _size_place(content)
    if not form:
        return content
    width = struct.calcsize(form)
    at = place + chance.choice((0, width))
    (true,) = struct.unpack(form, content[at : at + width].ljust(width, b"\0"))
    near = (true - 1, true + 1, true * 2, true * 10, true // 2)
    number = chance.choice((*EDGES, *near)) % (1 << 8 * width)
    changed = content[:at] + struct.pack(form, number) + content[at + width :]
    if content.startswith(PNG_SIGNATURE):  # with the right checksum, or nobody would look at it
        changed = changed[:29] + struct.pack(">I", zlib.crc32(changed[12:29])) + changed[33:]
    return changed


def _size_place(content: bytes) -> tuple[int, str]:
    """Where the first of the two numbers is, and its form; no form where it is not known."""
    if content.startswith(PNG_SIGNATURE):
        return 16, ">I"
    if content.startswith(b"GIF8"):
        return 6, "<H"
    if content[8:16] == b"WEBPVP8 ":
        return 26, "<H"
    if content[8:16] == b"WEBPVP8X":
        return 24, "<H"
    if content[4:8] == b"ftyp" and (box := content.find(b"ispe")) > 0:
        return box + 8, ">I"
    if content.startswith(b"\xff\xd8"):
        for marker in (b"\xff\xc0", b"\xff\xc2"):
            if (frame := content.find(marker)) > 0:
                return frame + 5, ">H"
    return 0, ""


def tiff_tags(chance: Random, content: bytes) -> bytes:
    """An entry of the first directory gets another tag, type, count or value."""
    if not content.startswith(b"II*\0"):
        return content
    (directory,) = struct.unpack("<I", content[4:8])
    (count,) = struct.unpack("<H", content[directory : directory + 2].ljust(2, b"\0"))
    if not count:
        return content
    at = directory + 2 + 12 * chance.randrange(count)
    offset, form = chance.choice(((0, "<H"), (2, "<H"), (4, "<I"), (8, "<I"), (8, "<I")))
    width = struct.calcsize(form)
    number = chance.choice((*EDGES, *range(20), chance.randrange(len(content)))) % (1 << 8 * width)
    return content[: at + offset] + struct.pack(form, number) + content[at + offset + width :]


BLIND: Final[tuple[Mutation, ...]] = (flip, overwrite, truncate, cut, repeat, noise)
BY_FORMAT: Final[tuple[Mutation, ...]] = (png_chunks, jpeg_segments, dimensions, tiff_tags)


def origin(run: int, number: int, files: Mapping[str, bytes]) -> str:
    """The name of the file that the file of this number in a run is made from."""
    return _chance(run, number).choice(sorted(files))


def _chance(run: int, number: int) -> Random:
    return Random(f"{run} {number}")


def mutant(run: int, number: int, files: Mapping[str, bytes]) -> tuple[str, bytes]:
    """The file of this number in a run, the same whenever it is asked for.

    Args:
        run: the seed of the run.
        number: of the file, from 0.
        files: to start from, by name.

    Returns:
        Its name, which says what it was made from and how, and its bytes.
    """
    chance = _chance(run, number)
    seed = chance.choice(sorted(files))
    content = files[seed]
    done = []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if chance.random() < 0.08:
            other = files[chance.choice(sorted(files))]
            content = (
                content[: chance.randrange(len(content) + 1)]
                + other[chance.randrange(len(other)) :]
            )
            done.append("splice")
        elif content:
            mutate = chance.choice((*BLIND, *BY_FORMAT, *BY_FORMAT))
            content = mutate(chance, content)
            done.append(mutate.__name__)
    stem, _, suffix = seed.rpartition(".")
    return f"{run}-{number}-{stem}-{'-'.join(done)}.{suffix}", content
