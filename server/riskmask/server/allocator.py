"""What the C library does with large arrays that are not needed any more.

glibc takes large blocks from the system and gives them back when they are freed, but each time it
does it raises the size from which on it will (mallopt(3), M_MMAP_THRESHOLD), up to 32 MiB. Then the
arrays of large images come out of its heaps, where those that are still in use keep what lies
between them from being given back: under a mixture of images a server grew by 100 MB within ten
minutes, and went on.
"""

from __future__ import annotations

import ctypes
from typing import Final

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
