"""``python -m riskmask.model.bench``: speed and recall of the detector beside its alternatives.

In one run and on the same pictures: the packaged detector, RapidOCR's text detection, YuNet, and
smp's FPN on the same encoder in float32. With labels, the changed regions that the detector and
the boxes find stand in the same table.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def main(
    labels: Annotated[
        Path | None,
        typer.Option(help="Folder of held-out labels, whose pictures are timed."),
    ] = None,
    images: Annotated[
        Path, typer.Option(help="Folder of pictures to time where there are no labels.")
    ] = Path("examples"),
    pictures: Annotated[
        int | None,
        typer.Option(min=1, help="Of the labels' pictures, evenly spread; all unless given."),
    ] = None,
    yunet: Annotated[
        Path | None, typer.Option(help="YuNet's ONNX file; without it faces are left out.")
    ] = None,
    fonts: Annotated[
        list[Path] | None,
        typer.Option(help="Folders of the scenes' typefaces, for pictures that were not kept."),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each network.")] = 2,
    repeats: Annotated[
        int, typer.Option(min=1, help="Runs on each picture of which the median is taken.")
    ] = 5,
    batches: Annotated[bool, typer.Option(help="Time several tiles at once as well.")] = True,
) -> None:
    """Time the detector beside what a user could take instead, and compare what they find."""
    import cv2

    from riskmask.model.bench.batches import time_batches
    from riskmask.model.bench.methods import all_methods
    from riskmask.model.bench.pictures import example_pictures
    from riskmask.model.bench.recall import measure_recall, score_pictures
    from riskmask.model.bench.report import describe
    from riskmask.model.bench.timing import time_methods
    from riskmask.model.data.shards import LabelsError
    from riskmask.model.data.training_set import REFERENCE, Example, load_examples
    from riskmask.model.evaluate.spread import evenly_spread
    from riskmask.model.quantise import is_quantised
    from riskmask.model.runtime.errors import ModelError, WeightsError
    from riskmask.model.runtime.predictor import Predictor
    from riskmask.model.runtime.weights import find_weights

    cv2.setNumThreads(threads)  # of YuNet, which runs in OpenCV
    examples: list[Example] = []
    try:
        detector = find_weights()
        methods = all_methods(detector.path, threads, yunet)
        if labels is None:
            shown = example_pictures(images, fonts or ())
        else:
            every = load_examples(labels, codecs=[REFERENCE], fonts=fonts or ())
            examples = evenly_spread(every, pictures)
            shown = [example.image for example in examples]
    except (FileNotFoundError, LabelsError, ModelError, WeightsError) as error:
        typer.echo(f"bench: {error}", err=True)
        raise typer.Exit(2) from None
    speeds = time_methods(methods, shown, repeats)
    recalls = None
    if examples:
        scores = score_pictures(examples, Predictor(detector.path, threads=threads), yunet)
        recalls = measure_recall(examples, scores)
    kind = "8 bits" if is_quantised(detector.path) else "float32"
    typer.echo(
        f"{detector.path.name} in {kind}; {len(shown)} pictures, medians of {repeats} runs on "
        f"each, {threads} threads"
    )
    typer.echo("\n".join(describe(speeds, recalls)))
    for side, tiles, taken in time_batches(detector.path, threads, repeats) if batches else ():
        typer.echo(f"{tiles} tiles of {side}x{side}: {taken:.1f} ms each")


if __name__ == "__main__":
    typer.run(main)
