"""Fit JPEG onto the common scale of levels.

JPEG at some quality has the level at which the reference codec has the same mean log-bpp over a
fixed set of photographs (the definition of a level for every codec but the reference).
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from riskmask.model.codecs.hyperprior import Hyperprior
from riskmask.model.corpus import Corpus
from riskmask.model.levels import ANCHORS, FINEST

QUALITIES = (1, 3, 5, 8, 12, 16, 20, 25, 30, 40, 50, 60, 70, 75, 80, 85, 90, 93, 95)
PHOTOGRAPHS = 40
CUT = 512


def calibration_photographs(corpus: Corpus) -> list[NDArray[np.uint8]]:
    """Central cuts of evenly picked training photographs, (512, 512, 3) uint8 RGB each."""
    images = [
        image
        for image in corpus.select("train", categories=("photo",))
        if min(image.width, image.height) >= CUT
    ]
    picked = images[:: max(len(images) // PHOTOGRAPHS, 1)][:PHOTOGRAPHS]
    return [_cut(image.path) for image in picked]


def fit_jpeg(codec: Hyperprior, photographs: Sequence[NDArray[np.uint8]], out: Path) -> None:
    """Measure both codecs on the photographs and write the profile.

    Args:
        codec: the reference.
        photographs: (H, W, 3) uint8 RGB each.
        out: the profile's JSON file.
    """
    reference = np.zeros((len(photographs), ANCHORS))
    jpeg = np.zeros((len(photographs), len(QUALITIES)))
    for row, image in enumerate(tqdm(photographs, desc="fitting JPEG", unit="image")):
        reference[row] = [codec.rate_map(image, level).mean() for level in range(ANCHORS)]
        jpeg[row] = [jpeg_bpp(image, quality) for quality in QUALITIES]
    reference_curve = np.log(reference).mean(axis=0)
    jpeg_curve = np.log(jpeg).mean(axis=0)
    levels = np.interp(jpeg_curve, reference_curve, np.arange(ANCHORS))
    inside = (jpeg_curve >= reference_curve[0]) & (jpeg_curve <= reference_curve[-1])
    pairs = [
        [round(float(v), 3), q] for v, q, k in zip(levels, QUALITIES, inside, strict=True) if k
    ]
    if jpeg_curve[-1] > reference_curve[-1]:
        last = float(np.interp(reference_curve[-1], jpeg_curve, QUALITIES))
        if round(last) > pairs[-1][1]:
            pairs.append([FINEST, round(last)])
    profile = {
        "schema": 1,
        "name": "jpeg",
        "version": "1",
        "codec": "libjpeg through Pillow, optimised Huffman tables, 4:2:0",
        "quality": {
            "minimum": 1,
            "maximum": 95,
            "integer": True,
            "meaning": "libjpeg quality, higher is finer",
        },
        "quality_of_level": pairs,
        "rate_factor": [1] * ANCHORS,
        "risk_calibration": {"slope": [1] * ANCHORS, "intercept": [0] * ANCHORS},
        "fitted_on": (
            f"{len(photographs)} training photographs, central {CUT}x{CUT} cuts, by "
            "python -m riskmask.model.train jpeg-profile; rates only: the risk of a level is taken "
            "as the reference codec's"
        ),
    }
    out.write_text(json.dumps(profile, indent=2) + "\n", encoding="utf-8")


def jpeg_bpp(image: NDArray[np.uint8], quality: int) -> float:
    """Bits per pixel of an image as optimised 4:2:0 JPEG; image (H, W, 3) uint8 RGB."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality, optimize=True, subsampling="4:2:0")
    return buffer.tell() * 8 / (image.shape[0] * image.shape[1])


def _cut(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    left, top = (picture.width - CUT) // 2, (picture.height - CUT) // 2
    return np.array(picture.crop((left, top, left + CUT, top + CUT)))
