"""What the C library does with memory that is not needed any more.

glibc keeps what was freed in the heaps of the threads that took it, where what is still in use
keeps what lies between from being given back. Trimming gives back what is free in between.
"""

from __future__ import annotations

import asyncio
import ctypes
from typing import Final

TRIM_SECONDS: Final = 20.0


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
