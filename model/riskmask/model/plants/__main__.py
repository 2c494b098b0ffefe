"""``python -m riskmask.model.plants``: plant changes, and see which annotator finds them.

With the corpus it plants in one side of it; thresholds were chosen on the train side, so what is
reported comes from the test side. Without the corpus it plants in a folder of pictures.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from tqdm import tqdm

if TYPE_CHECKING:
    from riskmask.model.annotators.base import KnownRegion
    from riskmask.model.corpus import CorpusImage, Side
    from riskmask.model.plants.pairs import Pixels

    # Pictures with their regions, and how many there are.
    Pictures = tuple[Iterator[tuple[Pixels, tuple[KnownRegion, ...]]], int]


def main(
    corpus: Annotated[
        Path | None, typer.Option(help="Default: RISKMASK_CORPUS, and without it --images.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="A folder of pictures instead of the corpus.")
    ] = None,
    fonts: Annotated[
        list[Path] | None, typer.Option(help="Folders of typefaces; default: matplotlib's.")
    ] = None,
    side: Annotated[str, typer.Option(help="Of the corpus: train or test.")] = "test",
    plants: Annotated[int, typer.Option(help="Planted pairs for each annotator.")] = 100,
    harmless: Annotated[int, typer.Option(help="Harmless pairs.")] = 150,
    near_lossless: Annotated[
        int, typer.Option(help="Pictures for the near-lossless encodings; 0 for none.")
    ] = 150,
    reconstructions: Annotated[
        int, typer.Option(help="Pictures of that side for real codecs; 0 for none.")
    ] = 20,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 0,
    largest: Annotated[int, typer.Option(help="Side of a cut-out in pixels.")] = 384,
    out: Annotated[Path, typer.Option(help="The tables, as Markdown.")] = Path(
        "docs/annotators.md"
    ),
) -> None:
    """Measure precision and recall of the annotators on planted changes."""
    from riskmask.model.annotators import ANNOTATORS
    from riskmask.model.annotators.face import ENVIRONMENT as DETECTOR
    from riskmask.model.annotators.face_reader import FaceReader
    from riskmask.model.codecs import classic_codec, packaged_hyperprior
    from riskmask.model.codecs.hyperprior import Hyperprior
    from riskmask.model.corpus import ENVIRONMENT, Corpus
    from riskmask.model.plants.garden import PLANTED, Garden
    from riskmask.model.plants.near_lossless import (
        corpus_pictures,
        evenly_picked,
        folder_pictures,
        measure_near_lossless,
    )
    from riskmask.model.plants.reconstructions import measure_reconstructions
    from riskmask.model.plants.report import DLIB, Report, write_markdown
    from riskmask.model.plants.score import outcome_of
    from riskmask.model.plants.sources import corpus_sources, folder_sources

    if side not in ("train", "test"):
        raise typer.BadParameter("must be train or test", param_hint="--side")
    if largest < 128:
        raise typer.BadParameter("must be at least 128", param_hint="--largest")
    found: Corpus | None = None
    if images is None and (corpus or os.environ.get(ENVIRONMENT)):
        found = Corpus.find(corpus)
    folder = images or Path("examples")
    detector = os.environ.get(DETECTOR)
    reader = FaceReader(Path(detector) if detector else None)
    which: Side = "test" if side == "test" else "train"
    if found is not None:
        sources = corpus_sources(found, which, fonts or (), largest)
    else:
        sources = folder_sources(folder, fonts or (), largest, reader)
    annotators = {name: ANNOTATORS[name](sources.bank) for name in PLANTED}
    garden = Garden(sources, reader, seed)
    outcomes = []
    for family in (*PLANTED, "harmless"):
        count = harmless if family == "harmless" else plants
        pairs = garden.harmless(count) if family == "harmless" else garden.planted(family, count)
        for pair in tqdm(pairs, desc=family, total=count, unit="pair"):
            for name, annotator in annotators.items():
                findings = annotator.examine(pair.original, pair.regions).find(pair.altered)
                outcomes.append(outcome_of(name, pair, findings))

    def pictures(of: Sequence[CorpusImage], count: int) -> Pictures:
        if found is None:
            return folder_pictures(sources, count), count
        picked = evenly_picked(of, count)
        return corpus_pictures(picked, largest), len(picked)

    one_side = tuple(found.select(which)) if found is not None else ()
    measured = None
    if near_lossless:
        measured = measure_near_lossless(*pictures(one_side, near_lossless), annotators)
    rows = None
    if reconstructions:
        neural, classic = Hyperprior.load(packaged_hyperprior()), classic_codec("jpeg")
        some = pictures(one_side, reconstructions)
        rows = measure_reconstructions(*some, annotators, neural, classic)
    where = f"--side {side}" if found is not None else f"--images {folder.name}"
    report = Report(
        command=f"python -m riskmask.model.plants {where} --plants {plants} --harmless {harmless} "
        f"--near-lossless {near_lossless} --reconstructions {reconstructions} --seed {seed} "
        f"--largest {largest}",
        sources=sources.name,
        detector="YuNet" if detector else DLIB,
        outcomes=outcomes,
        near_lossless=measured,
        reconstructions=rows,
    )
    write_markdown(report, out)
    typer.echo(out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    typer.run(main)
