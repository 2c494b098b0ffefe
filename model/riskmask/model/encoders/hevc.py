"""What HEVC allows a still of a size to be made of."""

from __future__ import annotations

# Luma samples of level 4.1. Coding tree units of 16x16 pixels end there: from level 5 on they have
# 32 or 64 (ITU-T H.265, A.4.1), and no side is longer than the root of eight times the samples.
LEVEL_4_SAMPLES = 2_228_224
SIDE_MULTIPLE = 8  # of the smallest coding unit: what is coded has such sides, whatever is shown


def coding_tree_unit(width: int, height: int) -> int:
    """Side in pixels of the smallest units, 16 or 32: x265 follows a map in them and none below."""
    wide, high = (-(-side // SIDE_MULTIPLE) * SIDE_MULTIPLE for side in (width, height))
    small = wide * high <= LEVEL_4_SAMPLES and max(wide, high) ** 2 <= 8 * LEVEL_4_SAMPLES
    return 16 if small else 32
