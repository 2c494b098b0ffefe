"""What a server is and can do."""

from __future__ import annotations

from dataclasses import dataclass

from riskmask.client._types import Effectiveness, ModelInfo


@dataclass(frozen=True)
class CodecInfo:
    """A codec profile.

    Attributes:
        name: what ``codec=`` takes.
        description: which encoder and settings, in words.
        version: of the profile.
        quality: smallest and largest value of the codec's own parameter.
        quality_meaning: the codec's name for it and its direction, in words.
        known_quality: the coarsest and the finest of which the profile knows the risks; beyond
            them an analysis is of the nearest, with the reason ``RATE_OUT_OF_RANGE``.
        level: smallest and largest level covered, within [0, 7].
    """

    name: str
    description: str
    version: str
    quality: tuple[float, float]
    quality_meaning: str
    known_quality: tuple[float, float]
    level: tuple[float, float]


@dataclass(frozen=True)
class HintFormat:
    """A format that ``hint_formats=`` may name."""

    name: str
    effectiveness: Effectiveness


@dataclass(frozen=True)
class Limits:
    """Bytes, pixels and longer side of one image, bytes of one message."""

    max_image_bytes: int
    max_image_pixels: int
    max_image_side: int
    max_message_bytes: int


@dataclass(frozen=True)
class MissingAnnotator:
    """An annotator that the server could run and does not, and what it wants, in a sentence."""

    name: str
    message: str


@dataclass(frozen=True)
class ServerInfo:
    """What answers: a server, or the engine in this process. ``annotators`` can verify."""

    version: str
    model: ModelInfo
    codecs: tuple[CodecInfo, ...]
    hint_formats: tuple[HintFormat, ...]
    limits: Limits
    input_formats: tuple[str, ...]
    pixel_formats: tuple[str, ...]
    policy_presets: tuple[str, ...]
    default_codec: str
    default_bpp: float
    annotators: tuple[str, ...] = ()
    missing_annotators: tuple[MissingAnnotator, ...] = ()
