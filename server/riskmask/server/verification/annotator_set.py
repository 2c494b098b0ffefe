"""Loaded annotators, and what finds their regions. One set serves one thread at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from riskmask.model.runtime.errors import AssetError
from riskmask.server.verification.availability import AnnotatorFiles, available

if TYPE_CHECKING:
    from riskmask.model.annotators import Annotator, GlyphBank, RegionAnnotator
    from riskmask.model.annotators.search import Search

_BLANK: Final = 64  # pixels a side of the picture that everything is tried on
_ICON: Final = 16  # pixels a side at which every icon is tried


class AnnotatorSet:
    """What one verification needs.

    Attributes:
        by_region: annotators that judge known regions, by name, which is their content's.
        everywhere: the others, by name.
        searches: what finds regions, by content.
        bank: of icons.

    Args:
        files: of this installation.
        threads: of the text recogniser.

    Raises:
        AssetError: a configured file cannot be used; names the option.
    """

    def __init__(self, files: AnnotatorFiles, threads: int) -> None:
        from riskmask.model import annotators as known
        from riskmask.model.annotators.face import FaceAnnotator
        from riskmask.model.annotators.recogniser import Recogniser
        from riskmask.model.annotators.search import BarcodeSearch, FaceSearch, TextSearch
        from riskmask.model.annotators.symbol import SymbolAnnotator
        from riskmask.model.annotators.text import TextAnnotator

        names = available(files)
        self.bank = _bank(files)
        by_region: dict[str, RegionAnnotator] = {
            "text": TextAnnotator(Recogniser(threads)),
            "symbol": SymbolAnnotator(self.bank),
        }
        searches: dict[str, Search] = {"text": TextSearch(threads), "symbol": BarcodeSearch()}
        if "face" in names:
            assert files.face_detector is not None  # or it would not be available
            try:
                by_region["face"] = FaceAnnotator(files.face_detector)
                searches["face"] = FaceSearch(files.face_detector)
            except FileNotFoundError:
                raise AssetError("face_detector: there is no such file; name YuNet's") from None
        self.by_region: Mapping[str, RegionAnnotator] = by_region
        self.searches: Mapping[str, Search] = searches
        self.everywhere: Mapping[str, Annotator] = {
            name: known.ANNOTATORS[name](self.bank) for name in names if name not in by_region
        }
        self._try()

    def _try(self) -> None:
        """Loads what the libraries load late, so that a broken file is found here."""
        blank = np.zeros((_BLANK, _BLANK, 3), np.uint8)
        for search in self.searches.values():
            try:
                search.find(blank)
            except cv2.error as error:  # OpenCV loads no other model than that one
                raise AssetError("face_detector: not YuNet's ONNX file") from error


class Shelf:
    """Sets that wait for their next use: as many as were ever used at the same time.

    Args:
        files: of this installation.
        threads: of the text recogniser.
    """

    def __init__(self, files: AnnotatorFiles, threads: int) -> None:
        self._files = files
        self._threads = threads
        self._lock = threading.Lock()
        self._idle: list[AnnotatorSet] = []

    @contextmanager
    def borrow(self) -> Iterator[AnnotatorSet]:
        """A set for the caller alone; loads one where none is idle.

        Raises:
            AssetError: a configured file cannot be used.
        """
        with self._lock:
            loaded = self._idle.pop() if self._idle else None
        if loaded is None:
            loaded = AnnotatorSet(self._files, self._threads)
        try:
            yield loaded
        finally:
            with self._lock:
                self._idle.append(loaded)


def _bank(files: AnnotatorFiles) -> GlyphBank:
    from riskmask.model.annotators.glyphs import GlyphBank
    from riskmask.model.annotators.icons import icons_of

    if files.icons is None:
        return GlyphBank(())
    found = icons_of(files.icons)
    if not found:
        raise AssetError("icons: the folder holds no FAMILY__NAME.svg")
    bank = GlyphBank(found, cached=False)
    for icon in found:
        try:
            bank.coverage(icon.family, icon.name, _ICON, _ICON)
        except (OSError, ValueError) as error:
            raise AssetError(f"icons: {icon.family}__{icon.name}.svg cannot be drawn") from error
    return bank
