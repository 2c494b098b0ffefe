"""Encoders that write a still at a size and obey a hint: real ones, each behind one interface.

A new encoder is one file here and one line in :data:`ENCODERS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from riskmask.model.encoders.errors import EncoderNotInstalledError, UnknownEncoderError

if TYPE_CHECKING:
    from riskmask.model.encoders.base import Encoder


def _x26x(name: str) -> Encoder:
    from riskmask.model.encoders.x26x import X26x

    return X26x(name)


def _kvazaar() -> Encoder:
    from riskmask.model.encoders.kvazaar import Kvazaar

    return Kvazaar()


def _jpeg() -> Encoder:
    from riskmask.model.encoders.jpeg import Jpeg

    return Jpeg()


def _hyperprior() -> Encoder:
    from riskmask.model.encoders.neural import Neural

    return Neural("hyperprior")


# What an encoder needs is imported when it is made, not when this module is.
ENCODERS: Mapping[str, Callable[[], Encoder]] = {
    "hyperprior": _hyperprior,
    "jpeg": _jpeg,
    "kvazaar": _kvazaar,
    "x264": partial(_x26x, "x264"),
    "x265": partial(_x26x, "x265"),
}
EXTRA = {"hyperprior": "train"}


def find_encoder(name: str) -> Encoder:
    """The encoder of that name, ready to use.

    Raises:
        UnknownEncoderError: there is none.
        EncoderNotInstalledError: what it needs is not installed; the message says what is.
    """
    if name not in ENCODERS:
        raise UnknownEncoderError(name, ENCODERS)
    try:
        return ENCODERS[name]()
    except ModuleNotFoundError as missing:
        extra = EXTRA.get(name, "encoders")
        raise EncoderNotInstalledError(
            f"{name} needs {missing.name}: pip install 'riskmask[{extra}]'"
        ) from None
