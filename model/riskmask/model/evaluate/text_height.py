"""``python -m riskmask.model.evaluate.text_height``: how well text height is told from pixels.

Pictures of the test side whose lines of text are known are given to the detector; the height
estimated in each region at risk that holds text is compared with the outlines of the lines there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer

from riskmask.model.annotators.base import KnownRegion
from riskmask.model.data.outlines import outline_height
from riskmask.model.data.pictures import Pictures
from riskmask.model.data.planes import rasterise
from riskmask.model.evaluate.safety import THRESHOLD
from riskmask.model.runtime.prediction import Prediction
from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.text_height import region_text_height

LEVELS = (1, 3, 5)
COVERED = 0.15  # share of a line's cells that a region has to hold to count as more than a scrap

Pair = tuple[float, float]  # known and estimated height in pixels


def compare(
    image: np.ndarray,  # type: ignore[type-arg]
    prediction: Prediction,
    lines: Sequence[KnownRegion],
    level: int,
) -> Iterator[tuple[bool, Pair]]:
    """Regions of text at a level: whether they hold more than a scrap of a line, and heights.

    Known is the median over the lines concerned. Regions without any known line are left out, and
    so are those where nothing looks like a line.

    Args:
        image: (H, W, 3) uint8 RGB.
        prediction: of it.
        lines: text known to be there.
        level: an anchor.
    """
    risk, text = prediction.risk[level], prediction.content[0]
    heights = [outline_height(line.polygon) for line in lines]
    cells = [rasterise(line.polygon, risk.shape) > 0 for line in lines]
    at_risk = (risk >= THRESHOLD).astype(np.uint8)
    count, found, boxes, _ = cv2.connectedComponentsWithStats(at_risk, connectivity=8)
    components = np.asarray(found, np.int32)
    for number in range(1, count):
        inside = components == number
        if np.average(text[inside], weights=risk[inside].astype(np.float32)) < 0.5:
            continue
        shares = [(line & inside).sum() / max(line.sum(), 1) for line in cells]
        whole = max(shares, default=0.0) >= COVERED
        known = [
            height
            for height, share in zip(heights, shares, strict=True)
            if share >= (COVERED if whole else 1e-9)
        ]
        x, y, width, rows = (int(value) for value in boxes[number, :4])
        box = x, y, width, rows
        estimated = region_text_height(image, text, components, number, box)
        if known and estimated is not None:
            yield whole, (float(np.median(known)), estimated)


def describe(name: str, pairs: Sequence[Pair]) -> str:
    """Median and 80th percentile of the error, as a line of a table."""
    known, estimated = np.array(pairs).T
    off, relative = np.abs(estimated - known), estimated / known
    share = np.abs(relative - 1)
    return (
        f"| {name} | {len(pairs)} | {np.median(relative):.2f} | {np.median(off):.1f} | "
        f"{np.percentile(off, 80):.1f} | {np.median(share):.0%} | {np.percentile(share, 80):.0%} |"
    )


def main(
    scenes: Annotated[int, typer.Option(help="Rendered scenes.")] = 30,
    pages: Annotated[int, typer.Option(help="Rendered pages.")] = 20,
    images: Annotated[int, typer.Option(help="Corpus images of each group.")] = 8,
    corpus: Annotated[Path | None, typer.Option(help="Default: RISKMASK_CORPUS.")] = None,
) -> None:
    """Compare estimated with known heights of text and print a table."""
    from riskmask.model.corpus import Corpus, CorpusNotFoundError
    from riskmask.model.runtime.weights import find_weights

    try:
        pictures = Pictures(Corpus.find(corpus), (), "test")
    except CorpusNotFoundError as error:
        raise typer.BadParameter(str(error), param_hint="--corpus") from None
    predictor = Predictor(find_weights().path)
    pairs: dict[str, list[Pair]] = {}
    for key in pictures.keys(range(scenes), range(pages), images):
        picture = pictures.make(key)
        lines = [region for region in picture.regions if region.content == "text"]
        if not lines:
            continue
        prediction = predictor.predict(picture.image)
        for level in LEVELS:
            for whole, pair in compare(picture.image, prediction, lines, level):
                pairs.setdefault(key.split("-")[0] if whole else "scraps", []).append(pair)
    typer.echo(
        "| | regions | ratio | error, px | 80% | error | 80% |\n|---|---|---|---|---|---|---|"
    )
    for name, found in pairs.items():
        typer.echo(describe(name, found))


if __name__ == "__main__":
    typer.run(main)
