"""What the C library does with memory that is not needed any more.

glibc takes large blocks from the system and gives them back when they are freed, but each time it
does it raises the size from which on it will (mallopt(3), M_MMAP_THRESHOLD), up to 32 MiB. Then the
arrays of large images come out of its heaps, where those that are still in use keep what lies
between them from being given back. Smaller ones stay in the heaps of the threads that made them in
any case. Under a mixture of images a server grew by 5 MB a minute.
"""

from __future__ import annotations

import asyncio
import ctypes
from typing import Final

TRIM_SECONDS: Final = 20.0
_MMAP_THRESHOLD: Final = -3  # M_MMAP_THRESHOLD of malloc.h
_LARGE: Final = 512 << 10  # bytes; the maps of a tile of 256 pixels a side are smaller


def give_large_arrays_back() -> bool:
    """Keep the size fixed from which on a block is given back as soon as it is freed.

    Returns:
        Whether the C library does it: glibc does, others have no such call.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    mallopt.argtypes, mallopt.restype = (ctypes.c_int, ctypes.c_int), ctypes.c_int
    return bool(mallopt(_MMAP_THRESHOLD, _LARGE))


def trim() -> bool:
    """Give back what is free inside the heaps of all threads (malloc_trim(3)).

    Returns:
        Whether there was something to give back; never where the C library has no such call.
    """
    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if malloc_trim is None:
        return False
    malloc_trim.argtypes, malloc_trim.restype = (ctypes.c_size_t,), ctypes.c_int
    return bool(malloc_trim(0))


async def keep_trimmed(seconds: float = TRIM_SECONDS) -> None:
    """Trim at intervals, beside the event loop, until cancelled."""
    while True:
        await asyncio.sleep(seconds)
        await asyncio.to_thread(trim)
