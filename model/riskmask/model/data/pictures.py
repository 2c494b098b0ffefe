"""Every picture that can be labelled, by its key: made again, it is the same to the last pixel."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cached_property
from itertools import zip_longest
from pathlib import Path

from riskmask.model.annotators.glyphs import GlyphBank
from riskmask.model.corpus import (
    CALIBRATION_SOURCES,
    ICONS,
    Corpus,
    CorpusImage,
    CorpusNotFoundError,
    Icon,
    Side,
)
from riskmask.model.data.forms import FormRenderer
from riskmask.model.data.items import (
    Item,
    Picture,
    corpus_items,
    scene_fonts,
    scene_items,
    shrunk_items,
    stratified,
)
from riskmask.model.data.scenes import ISOLUMINANT, PAGES, SYMBOLS, Scene, SceneRenderer

PAGE_SIDE = 640
FIRST_TEST_SEED = 1_000_000  # scenes of the two sides have no seed in common
# Corpus images in groups, by the categories that the corpus gives them.
GROUPS = {"text": ("text", "symbol"), "face": ("face",), "photo": ("photo",)}


# Sorts of pictures that are drawn, by their seeds.
RENDERED = ("scene", "page", "form", "symbols", "isoluminant")
CALIBRATION_SCENES = 10  # one rendered picture in so many is kept for the calibration


def is_for_calibration(key: str, source: str) -> bool:
    """Whether a picture is kept out of training for the calibration: by source, or by seed."""
    sort, _, name = key.partition("-")
    if sort in RENDERED and name.isdecimal():
        return int(name) % CALIBRATION_SCENES == 0
    return source in CALIBRATION_SOURCES


class Pictures:
    """Pictures of one side: rendered scenes, pages, forms; corpus images whole and shrunk.

    Keys are ``scene-SEED``, ``page-SEED``, ``form-SEED``, ``symbols-SEED``, ``isoluminant-SEED``,
    ``corpus-STEM`` and ``small-STEM``.
    ``symbols`` are scenes of many icons of the further families; the others have the corpus's own,
    so that a seed gives the same scene whatever further families there are. ``isoluminant`` are
    scenes of lines that differ from their ground in colour more than in luma.

    Args:
        corpus: images, and icons to render.
        fonts: folders of typefaces; none for matplotlib's.
        side: of the split by source.
        permissive: only images of permissive licences, behind scenes too.
        families: of the further icons; default: all that the corpus has.
        typefaces: names of files, of those in the folders; default: all of them.
    """

    def __init__(
        self,
        corpus: Corpus,
        fonts: Sequence[Path],
        side: Side,
        permissive: bool = False,
        families: Collection[str] | None = None,
        typefaces: Collection[str] | None = None,
    ) -> None:
        self._corpus = corpus
        self._families = families
        self._side: Side = side
        self._permissive = permissive
        self.fonts: Sequence[Path] = [
            path for path in scene_fonts(fonts, side) if typefaces is None or path.name in typefaces
        ]

    @property
    def further_families(self) -> tuple[str, ...]:
        """Names of the further families of icons of this side, sorted."""
        return tuple(sorted(self._further.families))

    def keys(
        self,
        scenes: range,
        pages: range,
        images: int,
        groups: Sequence[str] = tuple(GROUPS),
        symbols: range = range(0),
        forms: int = 0,
        isoluminant: range = range(0),
    ) -> list[str]:
        """Keys in the order of labelling; the sorts take turns, so that a part has some of each.

        Args:
            scenes: numbers of rendered scenes, from 0 on each side.
            pages: numbers of rendered pages, likewise.
            images: corpus images of each group at most, stratified by source; under 0 for all.
            groups: of corpus images, names of :data:`GROUPS`.
            symbols: numbers of scenes of many icons, likewise.
            forms: how many.
            isoluminant: numbers of scenes of isoluminant lines, as of scenes.
        """
        first = FIRST_TEST_SEED if self._side == "test" else 0
        sorts = [
            [f"scene-{first + number:06d}" for number in scenes],
            [f"page-{first + number:06d}" for number in pages],
            [f"symbols-{first + number:06d}" for number in symbols],
            [f"form-{seed:06d}" for seed in range(first, first + forms)],
            [f"isoluminant-{first + number:06d}" for number in isoluminant],
        ]
        for group in groups:
            found = self._corpus.select(
                self._side, categories=GROUPS[group], permissive=self._permissive
            )
            ordered = stratified(found)
            chosen = ordered[:images] if images >= 0 else ordered
            sorts += [
                [item.key for item in items(chosen)] for items in (corpus_items, shrunk_items)
            ]
        return [key for turn in zip_longest(*sorts) for key in turn if key is not None]

    def for_calibration(self, keys: Sequence[str]) -> list[str]:
        """Those of some keys that are kept out of training for the calibration, in their order."""
        sources = {name: image.source for name, image in self._images.items()}
        return [
            key for key in keys if is_for_calibration(key, sources.get(key.partition("-")[2], ""))
        ]

    def make(self, key: str) -> Picture:
        """The picture of a key.

        Raises:
            KeyError: there is none of that key.
            CorpusNotFoundError: it wants further families of icons, and the corpus has none.
            OSError: its file cannot be read.
        """
        sort, _, name = key.partition("-")
        if sort in RENDERED and name.isdecimal():
            [item] = scene_items(self._render(sort), range(int(name), int(name) + 1), sort)
            return item.make()
        items: list[Item] = []
        if name in self._images and sort in ("corpus", "small"):
            make = corpus_items if sort == "corpus" else shrunk_items
            items = list(make([self._images[name]]))
        if not items:
            raise KeyError(key)
        return items[0].make()

    @cached_property
    def _images(self) -> dict[str, CorpusImage]:
        return {image.path.stem: image for image in self._corpus.select(self._side)}

    @cached_property
    def _scenes(self) -> SceneRenderer:
        return SceneRenderer(self.grounds, self.fonts, self._icons)

    @cached_property
    def _pages(self) -> SceneRenderer:
        return SceneRenderer(self.grounds, self.fonts, self._icons, PAGE_SIDE, PAGES)

    @cached_property
    def _isoluminant(self) -> SceneRenderer:
        return SceneRenderer(self.grounds, self.fonts, self._icons, style=ISOLUMINANT)

    @cached_property
    def _symbols(self) -> SceneRenderer:
        if not self._further.families:
            raise CorpusNotFoundError(
                f"symbol scenes need further families of icons of the {self._side} side; name a "
                f"folder of them with --icons or {ICONS}"
            )
        return SceneRenderer(self.grounds, self.fonts, self._further, style=SYMBOLS)

    @cached_property
    def _further(self) -> GlyphBank:
        return self._bank(
            icon
            for icon in self._corpus.further_icons
            if self._families is None or icon.family in self._families
        )

    @cached_property
    def _icons(self) -> GlyphBank:
        return self._bank(self._corpus.icons)

    def _bank(self, icons: Iterable[Icon]) -> GlyphBank:
        return GlyphBank(icon for icon in icons if icon.side == self._side)

    def _render(self, sort: str) -> Callable[[int], Scene]:
        match sort:
            case "form":
                return FormRenderer(self.fonts).render
            case "page":
                return self._pages.render
            case "symbols":
                return self._symbols.render
            case "isoluminant":
                return self._isoluminant.render
            case _:
                return self._scenes.render

    @cached_property
    def grounds(self) -> list[Path]:
        """The photographs behind scenes and pages."""
        found = self._corpus.select(self._side, categories=("photo",), permissive=self._permissive)
        return [image.path for image in found]
