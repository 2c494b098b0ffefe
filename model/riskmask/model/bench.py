"""``python -m riskmask.model.bench``: how long the network takes inside ONNX Runtime.

The same picture goes through the packaged detector and through RapidOCR's text detection, so
that the ratio means something on any machine.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]
import typer
from numpy.typing import NDArray

from riskmask.model.runtime.tiles import SIDES
from riskmask.model.runtime.weights import find_weights

BATCHES = (1, 2, 4, 8)


def median_milliseconds(call: Callable[[], object], repeats: int) -> float:
    """Median wall time of a call in milliseconds, after three that do not count."""
    for _ in range(3):
        call()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def network_call(size: int, threads: int, tiles: int = 1) -> Callable[[], object]:
    """One run of the packaged detector on (tiles, size, size, 3) uint8 of noise."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(
        str(find_weights().path), options, providers=["CPUExecutionProvider"]
    )
    batch = np.stack([_noise(size)] * tiles)
    return lambda: session.run(None, {"image": batch})


def text_detection_call(size: int, threads: int) -> Callable[[], object]:
    """One run of RapidOCR's text detection on the same picture."""
    from rapidocr import RapidOCR

    engine: Any = RapidOCR(
        params={
            "Global.log_level": "error",
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
        }
    )
    picture = _noise(size)
    return lambda: engine(picture, use_det=True, use_cls=False, use_rec=False)


def _noise(size: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, size=(size, size, 3), dtype=np.uint8)


def main(
    threads: Annotated[int, typer.Option(help="Threads of ONNX Runtime.")] = 2,
    repeats: Annotated[int, typer.Option(help="Runs of which the median is taken.")] = 30,
) -> None:
    """Time the detector beside RapidOCR's text detection, and on several tiles at once."""
    typer.echo(f"medians of {repeats} runs, {threads} threads")
    for size in (512, 1024):
        own = median_milliseconds(network_call(size, threads), repeats)
        text = median_milliseconds(text_detection_call(size, threads), max(repeats // 6, 3))
        speed = size * size / 1000 / own
        typer.echo(
            f"{size}x{size}: riskmask {own:.1f} ms ({speed:.1f} megapixel/s), "
            f"text detection {text:.1f} ms, {text / own:.1f} times as long"
        )
    for size in SIDES:
        for tiles in BATCHES:
            taken = median_milliseconds(network_call(size, threads, tiles), max(repeats // 6, 3))
            typer.echo(f"{tiles} tiles of {size}x{size}: {taken / tiles:.1f} ms each")


if __name__ == "__main__":
    typer.run(main)
