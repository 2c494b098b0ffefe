"""Copies in which nothing semantic happened."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image

from riskmask.model.plants.pairs import Pixels


def untouched(image: Pixels, generator: np.random.Generator) -> Pixels:
    """The same pixels."""
    return image.copy()


def light_noise(image: Pixels, generator: np.random.Generator) -> Pixels:
    """Sensor noise of 0.5 to 2.5 grey values."""
    noise = generator.normal(0, generator.uniform(0.5, 2.5), image.shape)
    return np.clip(image + noise, 0, 255).round().astype(np.uint8)


def good_jpeg(image: Pixels, generator: np.random.Generator) -> Pixels:
    """A JPEG of quality 92 to 97, its colours at full or half resolution."""
    quality, subsampling = int(generator.integers(92, 98)), int(generator.choice([0, 2]))
    return recoded(image, "JPEG", quality=quality, subsampling=subsampling)


def one_step(image: Pixels, generator: np.random.Generator) -> Pixels:
    """One grey value lighter or darker."""
    step = int(generator.choice([-1, 1]))
    return np.clip(image.astype(np.int16) + step, 0, 255).astype(np.uint8)


HARMLESS: Mapping[str, Callable[[Pixels, np.random.Generator], Pixels]] = {
    "untouched": untouched,
    "light noise": light_noise,
    "JPEG 92 to 97": good_jpeg,
    "one step of brightness": one_step,
}


def recoded(image: Pixels, format: str, **options: object) -> Pixels:
    """Written with Pillow and read back."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format, **options)
    with Image.open(buffer) as opened:
        return np.array(opened.convert("RGB"))


def psnr(one: Pixels, other: Pixels) -> float:
    """Peak signal-to-noise ratio in dB; infinite for equal pictures."""
    error = float(np.mean((one.astype(np.float64) - other.astype(np.float64)) ** 2))
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))
