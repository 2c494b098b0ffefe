"""``python -m riskmask.model.train``: train the codec or the detector."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def main() -> None:
    """Train the codec or the detector."""


CorpusOption = Annotated[
    Path | None, typer.Option("--corpus", help="Corpus folder; default: RISKMASK_CORPUS.")
]
RunOption = Annotated[Path, typer.Option("--run", help="Folder of checkpoint and log.")]
PermissiveOption = Annotated[
    bool, typer.Option("--permissive", help="Only images under permissive licences.")
]


@app.command()
def codec(
    corpus: CorpusOption = None,
    run: RunOption = Path("runs/codec"),
    steps: Annotated[int, typer.Option(help="Optimiser steps.")] = 14_000,
    batch: Annotated[int, typer.Option(help="Crops in a step.")] = 8,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    bf16: Annotated[bool, typer.Option(help="Run the transforms in bfloat16.")] = False,
    permissive: PermissiveOption = False,
) -> None:
    """Train the reference codec on the corpus; continues a run that was cut off."""
    import numpy as np

    from riskmask.model.corpus import Corpus
    from riskmask.model.train.codec import CodecTraining, train_codec
    from riskmask.model.train.patches import cut_patches

    run.mkdir(parents=True, exist_ok=True)
    packed = run / "patches.npy"
    if not packed.exists():
        images = Corpus.find(corpus).select("train", permissive=permissive)
        np.save(packed, cut_patches((image.path for image in images), size=160, per_image=4))
    settings = CodecTraining(steps=steps, batch=batch, device=device, bf16=bf16)
    train_codec(np.load(packed), run, settings)


if __name__ == "__main__":
    app()
