"""How much memory decoding takes, and how a process is held to it."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Final

from riskmask.server.engine.decode import Limits

# Measured on pictures of 25 million pixels: lossless WebP takes most, 19.6 bytes a pixel; with
# ten bits a sample and alpha AVIF comes near it.
BYTES_PER_PIXEL: Final = 24
# The encoded image is there as it came, and in pieces that a decoder copies.
COPIES: Final = 2
# Tables, colour transforms, decoders' threads; whatever does not grow with the picture.
BESIDE: Final = 256 << 20


def memory_for(limits: Limits) -> int:
    """Bytes of address space that decoding the largest accepted image takes, in any format.

    Counted beyond what the process has before.
    """
    return BESIDE + COPIES * limits.max_bytes + BYTES_PER_PIXEL * limits.max_pixels


def hold_to(more: int) -> None:
    """Lets this process map so many bytes beyond what it has, and never leave a core file.

    A core file would hold the image.
    """
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    wanted = pages * resource.getpagesize() + more
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    allowed = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    resource.setrlimit(resource.RLIMIT_AS, (allowed, allowed))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
