"""``python -m riskmask.model.evaluate.reduced_scale``: what decoding a JPEG at half scale costs.

libjpeg can leave out the high half of each block's frequencies and hand out a picture of half the
width and height, which is quick to decode and a quarter of the work for the network. Text in it is
half as high, so the detector takes it for text that breaks more easily. The service decodes at full
scale, whatever the size; this tells what would be lost and gained if it did not. The maps of the
half-scale picture are enlarged, not the picture: an enlarged picture would save no work.
"""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from riskmask.model.data.outlines import outline_height
from riskmask.model.data.planes import STRIDE
from riskmask.model.data.training_set import Example
from riskmask.model.evaluate.bootstrap import Interval
from riskmask.model.evaluate.judged import Scores, region_table
from riskmask.model.evaluate.precision import is_contested, region_interval, region_precision
from riskmask.model.evaluate.spread import evenly_spread
from riskmask.model.levels import ANCHORS
from riskmask.model.runtime.predictor import Predictor

QUALITY = 92
FULL, HALF = "full scale", "half scale"
# Of regions, in pixels: where half of it is small, and where half of it is large enough.
HEIGHTS = ((0.0, float("inf")), (0.0, 16.0), (16.0, 32.0), (32.0, float("inf")))


@dataclass(frozen=True)
class Loss:
    """Average precision over judged regions at one level, at both scales.

    Attributes:
        heights: of the regions, in pixels, from and to below.
        level: anchor.
        regions, changed: how many there are, and how many of them changed.
        full, half: AP.
        difference: 95% bootstrap interval over pictures of half minus full.
    """

    heights: tuple[float, float]
    level: int
    regions: int
    changed: int
    full: float
    half: float
    difference: Interval


@dataclass(frozen=True)
class Maps:
    """Both scales' risk maps of all pictures, and the time that decoding and predicting took.

    Attributes:
        scores: by scale, for each picture (8, h, w) float32 on the full picture's grid.
        seconds: by scale, for each picture the median over the repeats.
    """

    scores: dict[str, list[Scores]]
    seconds: dict[str, list[float]]


def encode(image: NDArray[np.uint8]) -> bytes:
    """(H, W, 3) uint8 RGB as a JPEG of quality 92, chroma at half resolution."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def decode(content: bytes, reduction: int) -> NDArray[np.uint8]:
    """A JPEG's pixels, (ceil(H / reduction), ceil(W / reduction), 3) uint8 RGB.

    Args:
        content: the file.
        reduction: 1, 2, 4 or 8.
    """
    with Image.open(io.BytesIO(content)) as opened:
        if reduction > 1:
            # Pillow takes the smallest scale that is no smaller than what is asked for.
            opened.draft("RGB", (opened.width // reduction, opened.height // reduction))
        return np.array(opened.convert("RGB"))


def enlarge(maps: Scores, grid: tuple[int, int]) -> Scores:
    """Maps of the half-scale picture on the grid of the full one, linear in between.

    Args:
        maps: (8, ceil(h / 2), ceil(w / 2)) float32.
        grid: h, w.
    """
    rows, columns = maps.shape[1:]
    large = [
        cv2.resize(plane, (2 * columns, 2 * rows), interpolation=cv2.INTER_LINEAR) for plane in maps
    ]
    return np.asarray(np.stack(large)[:, : grid[0], : grid[1]], dtype=np.float32)


def predict_both(examples: Sequence[Example], predictor: Predictor, repeats: int) -> Maps:
    """Predict each picture from the same JPEG at both scales, in turn.

    Args:
        examples: labelled pictures, of at least 2x2 pixels.
        predictor: the detector.
        repeats: timed runs of each, after one that does not count.
    """
    made = Maps({FULL: [], HALF: []}, {FULL: [], HALF: []})
    for example in tqdm(examples, unit="picture"):
        content = encode(example.image)
        height, width = example.image.shape[:2]
        grid = -(-height // STRIDE), -(-width // STRIDE)
        times: dict[str, list[float]] = {FULL: [], HALF: []}
        latest: dict[str, Scores] = {}
        for _ in range(repeats + 1):
            for scale, reduction in ((FULL, 1), (HALF, 2)):
                started = time.perf_counter()
                risk = predictor.predict(decode(content, reduction)).risk.astype(np.float32)
                latest[scale] = risk if reduction == 1 else enlarge(risk, grid)
                times[scale].append(time.perf_counter() - started)
        for scale in (FULL, HALF):
            made.scores[scale].append(latest[scale])
            made.seconds[scale].append(statistics.median(times[scale][1:]))
    return made


def measure_loss(
    examples: Sequence[Example], scores: dict[str, list[Scores]], heights: tuple[float, float]
) -> list[Loss]:
    """AP at each level that is contested among the regions of some heights.

    Args:
        examples: labelled pictures.
        scores: by scale, for each picture.
        heights: of regions in pixels, from and to below.
    """
    low, high = heights
    some = [
        replace(
            example,
            regions=tuple(r for r in example.regions if low <= outline_height(r[1]) < high),
        )
        for example in examples
    ]
    table = region_table(some, {HALF: scores[HALF], FULL: scores[FULL]})
    losses = []
    for level in range(ANCHORS):
        changed = int((table.count > level).sum())
        if changed and is_contested(changed / len(table)):
            losses.append(
                Loss(
                    heights,
                    level,
                    len(table),
                    changed,
                    region_precision(table, FULL, level),
                    region_precision(table, HALF, level),
                    region_interval(table, level),
                )
            )
    return losses


def describe(losses: Sequence[Loss], maps: Maps) -> list[str]:
    """The lines of the report."""
    lines = [
        "| regions | level | count | changed | AP, full | AP, half | half minus full |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in losses:
        low, high = each.difference
        lines.append(
            f"| {_named(each.heights)} | {each.level} | {each.regions} | {each.changed} | "
            f"{each.full:.3f} | {each.half:.3f} | {low:+.3f} to {high:+.3f} |"
        )
    if not losses:
        lines.append("no level is contested on these pictures; take more of them")
    full, half = (1000 * statistics.mean(maps.seconds[scale]) for scale in (FULL, HALF))
    return [
        *lines,
        "",
        f"decode and predict, a picture: full scale {full:.1f} ms, half scale {half:.1f} ms, "
        f"{full / half:.2f} times as long at full scale",
        "The service decodes at full scale alone.",
    ]


def _named(heights: tuple[float, float]) -> str:
    low, high = heights
    if low and np.isfinite(high):
        return f"{low:g} to {high:g} px high"
    if low:
        return f"{low:g} px and higher"
    return f"under {high:g} px high" if np.isfinite(high) else "all"


def main(
    labels: Annotated[Path, typer.Option(help="Folder of held-out labels.")] = Path(
        "runs/labels-test"
    ),
    model: Annotated[
        Path | None, typer.Option(help="ONNX detector; default: the packaged one.")
    ] = None,
    pictures: Annotated[
        int | None, typer.Option(min=1, help="How many, evenly spread; all unless given.")
    ] = None,
    fonts: Annotated[
        list[Path] | None,
        typer.Option(help="Folders of the scenes' typefaces, for pictures that were not kept."),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of the network.")] = 2,
    repeats: Annotated[
        int, typer.Option(min=1, help="Runs on each picture of which the median is taken.")
    ] = 3,
) -> None:
    """Average precision and time with JPEGs decoded at half scale, beside full scale."""
    from riskmask.model.data.shards import LabelsError
    from riskmask.model.data.training_set import REFERENCE, load_examples
    from riskmask.model.runtime.errors import ModelError, WeightsError
    from riskmask.model.runtime.weights import find_weights

    try:
        predictor = Predictor(model or find_weights().path, threads=threads)
        examples = load_examples(labels, codecs=[REFERENCE], fonts=fonts or ())
    except (FileNotFoundError, LabelsError, ModelError, WeightsError) as error:
        typer.echo(f"reduced_scale: {error}", err=True)
        raise typer.Exit(2) from None
    some = evenly_spread(examples, pictures)
    maps = predict_both(some, predictor, repeats)
    losses = [loss for heights in HEIGHTS for loss in measure_loss(some, maps.scores, heights)]
    typer.echo(f"{predictor.name}, sha256 {predictor.sha256[:8]}; {len(some)} pictures")
    typer.echo("\n".join(describe(losses, maps)))


if __name__ == "__main__":
    typer.run(main)
