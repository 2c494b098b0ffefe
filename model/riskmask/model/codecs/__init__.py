"""Codecs: images to bitstreams and back, on one scale of levels.

A new codec is one new file here and one line in :data:`CODECS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from riskmask.model.codecs.base import Codec


def packaged_hyperprior() -> Path:
    """The committed weights of the reference codec, checked against their hash.

    Raises:
        riskmask.model.runtime.errors.WeightsError: they are absent or damaged.
    """
    from riskmask.model.runtime.weights import find_weights

    return find_weights("hyperprior").path


def _hyperprior() -> Codec:
    from riskmask.model.codecs.hyperprior import Hyperprior

    return Hyperprior.load(packaged_hyperprior())


def _published(architecture: str) -> Codec:
    from riskmask.model.codecs.published import PublishedCodec

    return PublishedCodec(architecture)


# Torch is imported when a codec is made, not when this module is.
CODECS: Mapping[str, Callable[[], Codec]] = {
    "hyperprior": _hyperprior,
    "bmshj2018-factorized": partial(_published, "bmshj2018-factorized"),
    "bmshj2018-hyperprior": partial(_published, "bmshj2018-hyperprior"),
    "mbt2018-mean": partial(_published, "mbt2018-mean"),
    "mbt2018": partial(_published, "mbt2018"),
    "cheng2020-anchor": partial(_published, "cheng2020-anchor"),
    "cheng2020-attn": partial(_published, "cheng2020-attn"),
}
