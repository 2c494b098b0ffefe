"""Cards of the learned codecs: what they are, how they were trained and how they measure up."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from riskmask.model.cards import CUT, loss_table, sources_table
from riskmask.model.codec_measures import frequency_table, measure, rate_table, verdict
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
    runs: Sequence[Path],
    held_out: Sequence[CorpusImage],
    trained_on: Sequence[CorpusImage],
    note: str = "",
) -> str:
    """Markdown card of a trained codec.

    Args:
        codec: with its levels.
        reference: the codec that defines them.
        runs: folders of the training's checkpoints and logs, each run begun with the weights of
            the one before.
        held_out: photographs to measure on.
        trained_on: pictures that patches were cut from.
        note: on the training, what the command does not say.
    """
    logs = [_log(run) for run in runs]
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
        *_training(codec.name, runs, logs, note),
        "",
        "## Rate and distortion",
        "",
        f"Means over {len(held_out)} photographs of sources that training never saw, cut to",
        f"{CUT}x{CUT} at most, real streams:",
        "",
        rate_table(points),
        "",
        "## High frequencies",
        "",
        "Energy of the luma's upper octave, as a share of the original's, medians over the",
        "photographs; the hyperprior at the same bpp:",
        "",
        frequency_table(points),
        "",
        verdict(points),
        "",
        "## Loss",
        "",
        "Means over the 100 steps before:",
        "",
        *(line for log in logs for line in (loss_table(log), "")),
        "## Trained on",
        "",
        sources_table(trained_on),
    ]
    return "\n".join(lines) + "\n"


def _log(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "codec.jsonl").read_text("utf-8").splitlines()]


def _training(
    name: str, runs: Sequence[Path], logs: Sequence[list[dict[str, float]]], note: str
) -> list[str]:
    """How the weights were made, a line for each run."""
    lines = [f"- Trained by `python -m riskmask.model.train codec --architecture {name}`:"]
    for run, log in zip(runs, logs, strict=True):
        saved = torch.load(run / "codec.pt", map_location="cpu", weights_only=True)["settings"]
        start = saved["start"]
        begun = f", `--start` with the weights {start[:8]}" if start else ""
        minutes = log[-1]["seconds"] / 60
        lines.append(f"  - `--steps {log[-1]['step']}`{begun}, {minutes:.0f} minutes.")
    return [*lines, f"- {note}"] if note else lines
