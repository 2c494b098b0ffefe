"""Codecs: images to bitstreams and back, on one scale of levels.

A new codec is one new file here and one line in :data:`CODECS`; one with weights that training
makes also has a line in :data:`LEARNED`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from riskmask.model.codecs.base import Codec
    from riskmask.model.codecs.classic import ClassicCodec
    from riskmask.model.codecs.learned import LearnedCodec

# Name of each trained codec: its module and class. `python -m riskmask.model.train codec` makes
# their weights.
LEARNED: Mapping[str, tuple[str, str]] = {
    "factorized": ("factorized", "Factorized"),
    "hyperprior": ("hyperprior", "Hyperprior"),
    "channel-ar": ("channel_ar", "ChannelAr"),
    "hific": ("hific", "Hific"),
    "cdc": ("cdc", "Cdc"),
}
CLASSIC: Mapping[str, tuple[str, str]] = {
    "jpeg": ("jpeg", "Jpeg"),
    "webp": ("webp", "WebP"),
    "avif": ("avif", "Avif"),
    "x264": ("video", "X264"),
    "x265": ("video", "X265"),
    "kvazaar": ("video", "Kvazaar"),
}


def packaged_weights(name: str) -> Path:
    """The committed weights of a learned codec, checked against their hash.

    Raises:
        riskmask.model.runtime.errors.WeightsError: they are absent (the message names the commands
            that make them) or damaged.
    """
    from riskmask.model.runtime.errors import WeightsError
    from riskmask.model.runtime.weights import find_weights, packaged_roles

    if name not in packaged_roles():
        raise WeightsError(
            f"{name} has no packaged weights yet; train them with `python -m riskmask.model.train "
            f"codec --architecture {name}` and fit its levels with `python -m "
            f"riskmask.model.train fit-levels --architecture {name}`"
        )
    return find_weights(name).path


def packaged_hyperprior() -> Path:
    """The committed weights of the reference codec, checked against their hash.

    Raises:
        riskmask.model.runtime.errors.WeightsError: they are absent or damaged.
    """
    return packaged_weights("hyperprior")


def learned_codec(name: str) -> type[LearnedCodec]:
    """The class of a learned codec; torch is imported now.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in LEARNED:
        raise ValueError(f"{name} is not a codec to train; known are {', '.join(LEARNED)}")
    module, kind = LEARNED[name]
    return cast(
        "type[LearnedCodec]", getattr(import_module(f"riskmask.model.codecs.{module}"), kind)
    )


def classic_codec(name: str) -> ClassicCodec:
    """A classic codec.

    Raises:
        ValueError: there is none of that name.
    """
    if name not in CLASSIC:
        raise ValueError(f"{name} is not a classic codec; known are {', '.join(CLASSIC)}")
    module, kind = CLASSIC[name]
    return cast("ClassicCodec", getattr(import_module(f"riskmask.model.codecs.{module}"), kind)())


def _learned(name: str) -> Codec:
    path = packaged_weights(name)
    return learned_codec(name).load(path)


def _published(architecture: str) -> Codec:
    from riskmask.model.codecs.published import PublishedCodec

    return PublishedCodec(architecture)


# Torch is imported when a codec is made, not when this module is.
CODECS: Mapping[str, Callable[[], Codec]] = {
    "factorized": partial(_learned, "factorized"),
    "hyperprior": partial(_learned, "hyperprior"),
    "channel-ar": partial(_learned, "channel-ar"),
    "hific": partial(_learned, "hific"),
    "cdc": partial(_learned, "cdc"),
    "jpeg": partial(classic_codec, "jpeg"),
    "webp": partial(classic_codec, "webp"),
    "avif": partial(classic_codec, "avif"),
    "x264": partial(classic_codec, "x264"),
    "x265": partial(classic_codec, "x265"),
    "kvazaar": partial(classic_codec, "kvazaar"),
    "bmshj2018-factorized": partial(_published, "bmshj2018-factorized"),
    "bmshj2018-hyperprior": partial(_published, "bmshj2018-hyperprior"),
    "mbt2018-mean": partial(_published, "mbt2018-mean"),
    "mbt2018": partial(_published, "mbt2018"),
    "cheng2020-anchor": partial(_published, "cheng2020-anchor"),
    "cheng2020-attn": partial(_published, "cheng2020-attn"),
}
