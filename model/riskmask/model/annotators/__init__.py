"""Annotators: which regions of a reconstruction mean something else than the original.

A new annotator is one new file here and one line in :data:`ANNOTATORS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from riskmask.model.annotators.base import (
    Annotator,
    Examination,
    Finding,
    Glyph,
    KnownRegion,
)
from riskmask.model.annotators.glyphs import GlyphBank
from riskmask.model.annotators.symbol import SymbolAnnotator
from riskmask.model.annotators.text import TextAnnotator

ANNOTATORS: Mapping[str, Callable[[GlyphBank], Annotator]] = {
    "text": lambda bank: TextAnnotator(),
    "symbol": SymbolAnnotator,
}

__all__ = ["ANNOTATORS", "Annotator", "Examination", "Finding", "Glyph", "GlyphBank", "KnownRegion"]
