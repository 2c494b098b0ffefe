"""Training patches: every photograph cut once into one uint8 array, so no loader decodes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm


def cut_patches(
    paths: Iterable[Path], size: int, per_image: int, seed: int = 0
) -> NDArray[np.uint8]:
    """Cut square patches at random places, more from larger pictures.

    Pictures over a megapixel are also cut at half their size, so that stored JPEG noise does not
    dominate what a codec learns.

    Args:
        paths: image files; those smaller than a patch are left out.
        size: side of a patch in pixels.
        per_image: patches from a picture of a quarter megapixel; at most four times as many
            from larger ones.
        seed: of the places.

    Returns:
        (N, size, size, 3) uint8 RGB.

    Raises:
        ValueError: no picture is large enough.
    """
    generator = np.random.default_rng(seed)
    patches: list[NDArray[np.uint8]] = []
    for path in tqdm(list(paths), desc="cutting patches", unit="image"):
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        versions = [picture]
        if picture.width * picture.height > 1_000_000:
            versions.append(picture.reduce(2))
        for version in versions:
            if min(version.size) < size:
                continue
            pixels = np.asarray(version)
            share = version.width * version.height / 250_000
            for _ in range(round(per_image * min(max(share, 1.0), 4.0))):
                y = generator.integers(0, version.height - size + 1)
                x = generator.integers(0, version.width - size + 1)
                patches.append(pixels[y : y + size, x : x + size])
    if not patches:
        raise ValueError(f"no picture is at least {size}x{size}")
    return np.stack(patches)


def thin(patches: NDArray[np.uint8], mebibytes: float) -> NDArray[np.uint8]:
    """Every so many of the patches, evenly, so that they take at most that much room.

    Raises:
        ValueError: not even one fits.
    """
    room = int(mebibytes * 2**20 - 1024) // patches[0].nbytes  # less the file's own header
    if room < 1:
        raise ValueError(f"{mebibytes:g} MiB hold no patch; allow for more")
    picked = np.linspace(0, len(patches) - 1, min(room, len(patches))).round().astype(int)
    return np.asarray(patches[picked])
