"""Fit a classic codec onto the common scale of levels.

At some quality it has the level at which the reference codec has the same mean log-bpp over a
fixed set of photographs (the definition of a level for every codec but the reference).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from riskmask.model.codecs.classic import Coder
from riskmask.model.codecs.learned import LearnedCodec
from riskmask.model.corpus import Corpus
from riskmask.model.levels import ANCHORS, FINEST
from riskmask.model.runtime.errors import ProfileError
from riskmask.model.runtime.profiles import CodecProfile, write_profile_file

PHOTOGRAPHS = 40
CUT = 512


def calibration_photographs(corpus: Corpus) -> list[NDArray[np.uint8]]:
    """Central cuts of every n-th training photograph, (512, 512, 3) uint8 RGB each."""
    images = [
        image
        for image in corpus.select("train", categories=("photo",))
        if min(image.width, image.height) >= CUT
    ]
    picked = images[:: max(len(images) // PHOTOGRAPHS, 1)][:PHOTOGRAPHS]
    return [_cut(image.path) for image in picked]


def fit_profile(
    reference: LearnedCodec, coder: Coder, photographs: Sequence[NDArray[np.uint8]], out: Path
) -> None:
    """Measure both codecs on the photographs and write the profile, of rates alone.

    Args:
        reference: the codec that defines the levels.
        coder: the classic codec.
        photographs: (H, W, 3) uint8 RGB each.
        out: the profile's JSON file.

    Raises:
        ProfileError: fewer than two of its qualities lie in the range of the levels, or a finer one
            costs no more bits; a profile that was there stays.
    """
    qualities = coder.fine_ladder
    wanted = np.zeros((len(photographs), ANCHORS))
    own = np.zeros((len(photographs), len(qualities)))
    for row, image in enumerate(tqdm(photographs, desc=f"fitting {coder.name}", unit="image")):
        wanted[row] = [reference.rate_map(image, level).mean() for level in range(ANCHORS)]
        own[row] = [coded_bpp(coder, image, quality) for quality in qualities]
    reference_curve, curve = (np.log(rates).mean(axis=0) for rates in (wanted, own))
    levels = np.interp(curve, reference_curve, np.arange(ANCHORS))
    inside = (curve >= reference_curve[0]) & (curve <= reference_curve[-1])
    pairs = [
        [round(float(v), 3), q] for v, q, k in zip(levels, qualities, inside, strict=True) if k
    ]
    if pairs and curve[-1] > reference_curve[-1]:
        last = round(float(np.interp(reference_curve[-1], curve, qualities)))
        if (last - pairs[-1][1]) * (coder.best - coder.worst) > 0:
            pairs.append([FINEST, last])
    if len(pairs) < 2:
        raise ProfileError(
            f"{len(pairs) or 'no'} quality of {coder.name} gives a rate between those of the "
            "coarsest and the finest level on these photographs; two are needed: name other "
            "photographs, or give the codec a finer ladder"
        )
    profile = {
        "schema": 1,
        "name": coder.name,
        "version": _next_version(out),
        "codec": coder.description,
        "quality": {
            "minimum": min(coder.worst, coder.best),
            "maximum": max(coder.worst, coder.best),
            "integer": coder.integer,
            "meaning": coder.meaning,
        },
        "quality_of_level": pairs,
        "rate_factor": [1] * ANCHORS,
        "risk_calibration": {"slope": [1] * ANCHORS, "intercept": [0] * ANCHORS},
        "fitted_on": (
            f"{len(photographs)} training photographs, central {CUT}x{CUT} cuts, by "
            f"python -m riskmask.model.train classic-profile --codec {coder.name}; rates only: "
            "the risk of a level is taken as the reference codec's"
        ),
    }
    write_profile_file(out, profile)


def _next_version(out: Path) -> str:
    before = CodecProfile.load(out).version if out.exists() else "0"
    return str(int(before) + 1) if before.isdecimal() else "1"


def coded_bpp(coder: Coder, image: NDArray[np.uint8], quality: int) -> float:
    """Bits per pixel of a classic codec's file; image (H, W, 3) uint8 RGB."""
    return 8 * len(coder.encode(image, quality)) / (image.shape[0] * image.shape[1])


def _cut(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    left, top = (picture.width - CUT) // 2, (picture.height - CUT) // 2
    return np.array(picture.crop((left, top, left + CUT, top + CUT)))
