"""Annotators: what of a reconstruction means something else than the original.

A new annotator is one new file here and one line in :data:`ANNOTATORS`. Those of
:data:`LABELLERS` judge known regions, and the risk labels are made of their verdicts; those of
:data:`OPTIONAL` are used where their model is named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from riskmask.model.annotators.amplitude import AmplitudeAnnotator
from riskmask.model.annotators.base import (
    Annotator,
    Examination,
    Finding,
    Glyph,
    KnownRegion,
    RegionAnnotator,
    RegionExamination,
)
from riskmask.model.annotators.caption import CaptionAnnotator
from riskmask.model.annotators.face import FaceAnnotator
from riskmask.model.annotators.geometry import GeometryAnnotator
from riskmask.model.annotators.glyphs import GlyphBank
from riskmask.model.annotators.shape import ShapeAnnotator
from riskmask.model.annotators.symbol import SymbolAnnotator
from riskmask.model.annotators.text import TextAnnotator

LABELLERS: Mapping[str, Callable[[GlyphBank], RegionAnnotator]] = {
    "text": lambda bank: TextAnnotator(),
    "symbol": SymbolAnnotator,
}

ANNOTATORS: Mapping[str, Callable[[GlyphBank], Annotator]] = {
    **LABELLERS,
    "face": lambda bank: FaceAnnotator.by_environment(),
    "amplitude": lambda bank: AmplitudeAnnotator(),
    "geometry": lambda bank: GeometryAnnotator(),
    "shape": lambda bank: ShapeAnnotator(),
}

# Needs a model that nobody ships: an image-to-text model in a local folder.
OPTIONAL: Mapping[str, Callable[[GlyphBank], Annotator]] = {
    "caption": lambda bank: CaptionAnnotator(),
}

__all__ = [
    "ANNOTATORS",
    "LABELLERS",
    "OPTIONAL",
    "Annotator",
    "Examination",
    "Finding",
    "Glyph",
    "GlyphBank",
    "KnownRegion",
    "RegionAnnotator",
    "RegionExamination",
]
