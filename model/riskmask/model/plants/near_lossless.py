"""Whether encodings that nobody can tell from the original give findings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from riskmask.model.annotators.base import Annotator, KnownRegion
from riskmask.model.corpus import CorpusImage
from riskmask.model.data.items import cut_picture
from riskmask.model.plants.harmless import psnr, recoded
from riskmask.model.plants.pairs import Pixels
from riskmask.model.plants.score import Share
from riskmask.model.plants.sources import Sources

LEAST_PSNR = 45.0  # dB
_MOST_TEXT = 6  # lines read in one picture

ENCODINGS: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "PNG": ("PNG", {}),
    "JPEG 100, 4:4:4": ("JPEG", {"quality": 100, "subsampling": 0}),
    "JPEG 98, 4:4:4": ("JPEG", {"quality": 98, "subsampling": 0}),
    "WebP 100": ("WEBP", {"quality": 100}),
}


@dataclass(frozen=True)
class NearLossless:
    """What was found on near-lossless encodings.

    Attributes:
        pictures: of the corpus or folder; clean where no annotator found anything in any encoding.
        encodings: by name, encodings of more than 45 dB; clean where nobody found anything.
        by_annotator: by name, pictures in which this annotator found nothing.
    """

    pictures: Share
    encodings: Mapping[str, Share]
    by_annotator: Mapping[str, Share]


def measure_near_lossless(
    pictures: Iterator[tuple[Pixels, tuple[KnownRegion, ...]]],
    count: int,
    annotators: Mapping[str, Annotator],
) -> NearLossless:
    """Run all annotators on near-lossless encodings of each picture."""
    clean_pictures = 0
    tried = dict.fromkeys(ENCODINGS, 0)
    clean = dict.fromkeys(ENCODINGS, 0)
    silent = dict.fromkeys(annotators, 0)
    seen = 0
    for image, regions in tqdm(pictures, desc="near-lossless", total=count, unit="image"):
        seen += 1
        examinations = {name: a.examine(image, regions) for name, a in annotators.items()}
        loud: set[str] = set()
        for encoding, (format, options) in ENCODINGS.items():
            copy = recoded(image, format, **options)
            if psnr(image, copy) <= LEAST_PSNR:
                continue
            found = {name for name, e in examinations.items() if e.find(copy)}
            tried[encoding] += 1
            clean[encoding] += not found
            loud |= found
        clean_pictures += not loud
        for name in annotators:
            silent[name] += name not in loud
    return NearLossless(
        pictures=Share(clean_pictures, seen),
        encodings={name: Share(clean[name], tried[name]) for name in ENCODINGS},
        by_annotator={name: Share(silent[name], seen) for name in annotators},
    )


def evenly_picked(images: Sequence[CorpusImage], count: int) -> Sequence[CorpusImage]:
    """So many of these images, at equal distances in their order."""
    places = np.linspace(0, len(images) - 1, min(count, len(images)))
    return [images[round(place)] for place in places]


def corpus_pictures(
    images: Sequence[CorpusImage], largest: int
) -> Iterator[tuple[Pixels, tuple[KnownRegion, ...]]]:
    """Cut-outs with their text, barcodes and faces."""
    for image in images:
        picture = cut_picture(image, largest)
        text = [r for r in picture.regions if r.content == "text"][:_MOST_TEXT]
        others = [r for r in picture.regions if r.content != "text"]
        faces = [r for r in picture.unjudged if r.content == "face"]
        yield picture.image, (*text, *others, *faces)


def folder_pictures(
    sources: Sources, count: int
) -> Iterator[tuple[Pixels, tuple[KnownRegion, ...]]]:
    """Cut-outs of the photographs, each a few times where they are few."""
    generator = np.random.default_rng(0)
    for number in range(count):
        portrait = sources.portrait(generator) if number % 2 else None
        if portrait is None:
            yield sources.photograph(generator), ()
        else:
            yield portrait.image, (portrait.region,)
