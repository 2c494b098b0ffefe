"""Codecs: images to bitstreams and back, on one scale of levels."""

from __future__ import annotations

from pathlib import Path


def packaged_hyperprior() -> Path:
    """The committed weights of the reference codec, checked against their hash.

    Raises:
        riskmask.model.runtime.errors.WeightsError: they are absent or damaged.
    """
    from riskmask.model.runtime.weights import find_weights

    return find_weights("hyperprior").path
