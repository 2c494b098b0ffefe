"""Cards of the learned codecs: what they are, how they were trained and how they measure up."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from riskmask.model.cards import CUT, loss_table, rate_distortion, sources_table
from riskmask.model.codec_measures import frequency_table, measure, verdict
from riskmask.model.codecs.learned import LearnedCodec
from riskmask.model.corpus import CorpusImage

ABOUT: Mapping[str, str] = {
    "hyperprior": "A variable-rate mean-scale hyperprior. It defines the levels.",
    "factorized": "A variable-rate factorised prior without side information.",
    "channel-ar": "The hyperprior with channel groups conditioned on those before, and latent\n"
    "residual prediction.",
    "hific": "The hyperprior's streams with a synthesis trained against a discriminator, at its\n"
    "intensity `high`.",
    "cdc": "The hyperprior's kind of stream, decoded by a few steps of conditional diffusion.",
}


def codec_card(
    codec: LearnedCodec,
    reference: LearnedCodec,
    run: Path,
    held_out: Sequence[CorpusImage],
    trained_on: Sequence[CorpusImage],
) -> str:
    """Markdown card of a trained codec.

    Args:
        codec: with its levels.
        reference: the codec that defines them.
        run: folder of the training's checkpoint and log.
        held_out: photographs to measure on.
        trained_on: pictures that patches were cut from.
    """
    log = [json.loads(line) for line in (run / "codec.jsonl").read_text("utf-8").splitlines()]
    module = type(codec).__module__.replace(".", "/")
    photographs = []
    for image in held_out:
        with Image.open(image.path) as opened:
            photographs.append(np.array(opened.convert("RGB"))[:CUT, :CUT])
    points = measure(codec, reference, photographs)
    lines = [
        f"# The codec `{codec.name}`",
        "",
        f"{ABOUT[codec.name]} What differs from the publication stands in `{module}.py`.",
        "It exists to make miscompressions to learn from; as a codec for pictures it is a modest",
        "one.",
        "",
        f"- Weights: sha256 {codec.weights_hash}, float16.",
        f"- Trained by `python -m riskmask.model.train codec --architecture {codec.name} --steps",
        f"  {log[-1]['step']}`, {log[-1]['seconds'] / 60:.0f} minutes in all.",
        "",
        "## Rate and distortion",
        "",
        f"Means over {len(held_out)} photographs of sources that training never saw, cut to",
        f"{CUT}x{CUT} at most, real streams:",
        "",
        rate_distortion(codec, held_out),
        "",
        "## High frequencies",
        "",
        "Energy of the luma's upper octave, as a share of the original's; the hyperprior at the",
        "same bpp:",
        "",
        frequency_table(points),
        "",
        verdict(points),
        "",
        "## Loss",
        "",
        "Means over the 100 steps before:",
        "",
        loss_table(log),
        "",
        "## Trained on",
        "",
        sources_table(trained_on),
    ]
    return "\n".join(lines) + "\n"
