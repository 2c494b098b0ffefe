"""What a caller can get wrong, and how a caller can end what it began.

    EngineError
    ├── InvalidImageError           INVALID_IMAGE
    │   ├── EmptyImageError         EMPTY_IMAGE
    │   ├── UnsupportedFormatError  UNSUPPORTED_FORMAT
    │   ├── CorruptImageError       CORRUPT_IMAGE
    │   └── DecoderCrashedError     DECODER_CRASHED
    ├── ImageTooLargeError          IMAGE_TOO_LARGE
    ├── UnknownCodecError           UNKNOWN_CODEC
    ├── InvalidTargetError          INVALID_TARGET
    ├── InvalidPolicyError          INVALID_POLICY
    ├── UnknownHintFormatError      UNKNOWN_HINT_FORMAT
    ├── SizeMismatchError           SIZE_MISMATCH
    ├── InvalidRegionError          INVALID_REGION
    ├── UnknownAnnotatorError       UNKNOWN_ANNOTATOR
    ├── AnnotatorMissingError       ANNOTATOR_MISSING
    ├── ExpiredError                DEADLINE_EXCEEDED
    └── AbandonedError              CANCELLED

Each class has a ``reason``, which is stable, and a message that says what to do. What is wrong
with the service itself is an ``AssetError`` of ``riskmask.model.runtime.errors``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar


class EngineError(Exception):
    """The request cannot be answered as it stands."""

    reason: ClassVar[str] = "ENGINE_ERROR"


class InvalidImageError(EngineError):
    """The bytes are not an image that can be analysed."""

    reason: ClassVar[str] = "INVALID_IMAGE"


class EmptyImageError(InvalidImageError):
    """There are no bytes, or the image has no pixels."""

    reason: ClassVar[str] = "EMPTY_IMAGE"


class UnsupportedFormatError(InvalidImageError):
    """Not one of the accepted containers or pixel layouts."""

    reason: ClassVar[str] = "UNSUPPORTED_FORMAT"


class CorruptImageError(InvalidImageError):
    """An accepted container whose content is truncated or damaged."""

    reason: ClassVar[str] = "CORRUPT_IMAGE"


class DecoderCrashedError(InvalidImageError):
    """The image made the process crash that was decoding it."""

    reason: ClassVar[str] = "DECODER_CRASHED"


class ImageTooLargeError(EngineError):
    """More bytes, more pixels or a longer side than this service accepts."""

    reason: ClassVar[str] = "IMAGE_TOO_LARGE"


class UnknownCodecError(EngineError):
    """No profile has the codec's name."""

    reason: ClassVar[str] = "UNKNOWN_CODEC"

    def __init__(self, codec: str, known: Iterable[str]) -> None:
        super().__init__(f"no codec profile {codec[:64]!r}; use one of {_listed(known)}")


class InvalidTargetError(EngineError):
    """The target is not exactly one finite positive size, or a finite quality."""

    reason: ClassVar[str] = "INVALID_TARGET"


class InvalidPolicyError(EngineError):
    """A value of the policy is out of its range."""

    reason: ClassVar[str] = "INVALID_POLICY"


class UnknownHintFormatError(EngineError):
    """No hint format has the name."""

    reason: ClassVar[str] = "UNKNOWN_HINT_FORMAT"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"no hint format {name[:64]!r}; use one of {_listed(known)}")


class SizeMismatchError(EngineError):
    """Original and reconstruction differ in the size of their upright images."""

    reason: ClassVar[str] = "SIZE_MISMATCH"


class InvalidRegionError(EngineError):
    """A known region lies outside of the image, has no area or contradicts itself."""

    reason: ClassVar[str] = "INVALID_REGION"


class UnknownAnnotatorError(EngineError):
    """No annotator has the name."""

    reason: ClassVar[str] = "UNKNOWN_ANNOTATOR"

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"no annotator {name[:64]!r}; use some of {_listed(known)}")


class AnnotatorMissingError(EngineError):
    """The annotator exists, and this installation lacks what it needs."""

    reason: ClassVar[str] = "ANNOTATOR_MISSING"


class ExpiredError(EngineError):
    """The time that the caller allowed is over."""

    reason: ClassVar[str] = "DEADLINE_EXCEEDED"


class AbandonedError(EngineError):
    """The caller has gone and wants no answer."""

    reason: ClassVar[str] = "CANCELLED"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
