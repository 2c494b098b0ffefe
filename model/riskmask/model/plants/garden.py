"""All pairs of a benchmark: the plants of each annotator, and harmless copies."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import numpy as np

from riskmask.model.annotators.base import KnownRegion
from riskmask.model.annotators.face_reader import FaceReader
from riskmask.model.plants.contours import plant_contour
from riskmask.model.plants.faces import plant_face
from riskmask.model.plants.glyphs import plant_icon, plant_text
from riskmask.model.plants.harmless import HARMLESS
from riskmask.model.plants.pairs import Pair, Pixels, Plant
from riskmask.model.plants.patches import plant_amplitude, plant_movement
from riskmask.model.plants.sources import Sources

PLANTED = ("text", "symbol", "face", "amplitude", "geometry", "shape")
_TRIES = 60  # pictures that are looked at for one pair

_Made = tuple[Pixels, Pixels, tuple[KnownRegion, ...], Plant | None]


class Garden:
    """Makes pairs; the same seed, family and number give the same pair.

    Args:
        sources: what to plant in.
        reader: finds landmarks for the faces' plants.
        seed: of everything.
    """

    def __init__(self, sources: Sources, reader: FaceReader, seed: int = 0) -> None:
        self._sources = sources
        self._reader = reader
        self._seed = seed

    def planted(self, annotator: str, count: int) -> Iterator[Pair]:
        """Pairs with a plant that an annotator must find.

        Half of them are copied harmlessly besides, as a reconstruction never is the original.
        No pair at all where the plants need faces and the sources have none.

        Raises:
            ValueError: the sources have no place for such plants.
        """
        for number in range(count):
            generator = self._generator(annotator, number)
            if annotator == "face" and not self._sources.faces:
                return
            tries = (self._plant(annotator, generator) for _ in range(_TRIES))
            made = next((made for made in tries if made is not None), None)
            if made is None:
                raise ValueError(f"no place for a plant of '{annotator}' in {self._sources.name}")
            yield self._pair(f"{annotator}-{number:04d}", made, generator, always=False)

    def harmless(self, count: int) -> Iterator[Pair]:
        """Pairs without any change of meaning: scenes, photographs and faces in turn."""
        for number in range(count):
            generator = self._generator("harmless", number)
            made: _Made | None = None
            if number % 3 == 2:
                portrait = self._sources.portrait(generator)
                if portrait is not None:
                    made = portrait.image, portrait.image, (portrait.region,), None
            elif number % 3 == 1:
                image = self._sources.photograph(generator)
                made = image, image, (), None
            if made is None:
                scene = self._sources.renderer.render(int(generator.integers(2**31)))
                made = scene.image, scene.image, _a_few(scene.regions), None
            yield self._pair(f"harmless-{number:04d}", made, generator, always=True)

    def _plant(self, annotator: str, generator: np.random.Generator) -> _Made | None:
        sources = self._sources
        seed = int(generator.integers(2**31))
        if annotator == "text":
            return plant_text(sources.renderer, seed, generator)
        if annotator == "symbol":
            return plant_icon(sources.renderer, sources.bank, seed, generator)
        if annotator == "face":
            portrait = sources.portrait(generator)
            if portrait is None:
                return None
            other = sources.portrait(generator, but=portrait.path) or portrait
            found = plant_face(portrait, other, self._reader, generator)
            regions: tuple[KnownRegion, ...] = (portrait.region,)
            image = portrait.image
        else:
            on_scene = generator.random() < 0.3
            if annotator == "shape" and on_scene:
                if generator.random() < 0.5:
                    return plant_text(sources.renderer, seed, generator, "shape")
                return plant_icon(sources.renderer, sources.bank, seed, generator, "shape")
            image = (
                sources.renderer.render(seed).image if on_scene else sources.photograph(generator)
            )
            regions = ()
            plants = {
                "amplitude": plant_amplitude,
                "geometry": plant_movement,
                "shape": plant_contour,
            }
            found = plants[annotator](image, generator)
        return None if found is None else (image, found[0], regions, found[1])

    def _pair(self, key: str, made: _Made, generator: np.random.Generator, *, always: bool) -> Pair:
        original, altered, regions, plant = made
        copies = list(HARMLESS)
        copy = str(generator.choice(copies)) if always or generator.random() < 0.5 else "untouched"
        return Pair(key, original, HARMLESS[copy](altered, generator), regions, plant, copy)

    def _generator(self, family: str, number: int) -> np.random.Generator:
        return np.random.default_rng([self._seed, zlib.crc32(family.encode()), number])


def _a_few(regions: tuple[KnownRegion, ...], most: int = 4) -> tuple[KnownRegion, ...]:
    """The first few of each content: the others would only make the bench slower."""
    chosen: list[KnownRegion] = []
    for content in ("text", "symbol", "face"):
        chosen += [region for region in regions if region.content == content][:most]
    return tuple(chosen)
