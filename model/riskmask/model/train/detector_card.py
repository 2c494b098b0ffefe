"""The detector's card: from which runs on which labels it came, and how it is calibrated."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from riskmask.model.cards import labelled_sources, loss_table
from riskmask.model.data.pictures import is_for_calibration
from riskmask.model.data.recipe import Recipe
from riskmask.model.data.shards import read_rows
from riskmask.model.runtime.weights import Weights
from riskmask.model.train.calibration import Platt
from riskmask.model.train.detector import load_trained

CALIBRATION = "calibration.json"  # in the folder of a run: what `train calibrate` fitted
QUANTISATION = "quantisation.json"  # there too: what `train quantise` lost


def card(
    weights: Weights, runs: Sequence[Path], labels: Sequence[Path], notes: Sequence[str] = ()
) -> str:
    """The card as Markdown.

    Args:
        weights: of the packaged detector.
        runs: folders of its runs, each started from the last.
        labels: folders that they learnt from.
        notes: sentences on runs and labels.
    """
    annotators = sorted({name for folder in labels for name in Recipe.load(folder).annotators})
    log = _log(runs)
    quantised, source = _quantised(weights.path.name, runs[-1])
    lines = [
        f"# The detector, `{weights.name}`",
        "",
        "Says for every place of a picture how likely the reference codec changes its meaning at",
        "each of eight levels, what each level costs, and what is there: see",
        "`riskmask/model/detector.py`. Input uint8 RGB, outputs of a quarter of its size.",
        "",
        f"- File: {weights.path.name}, {weights.path.stat().st_size / 1e6:.1f} MB, sha256",
        f"  {weights.sha256}.",
        *quantised,
        *_trained(runs),
        "- Labels: `python -m riskmask.model.label`, annotators "
        f"{', '.join(annotators)}; pictures by codec: {_codecs(labels)}.",
        *(f"- {note}" for note in notes),
        "- Measured in `docs/evaluation.md`.",
        "",
        "What it has not learnt: changes of geometry.",
        "",
        *_calibrated(source, runs[-1]),
        "",
        "## Loss",
        "",
        "Of the last run, means over the 100 steps before:",
        "",
        loss_table(log),
        "",
        *_held_out(log),
        "## Trained on",
        "",
        "Pictures cut to 640x640 at most; `scenes` are rendered on training photographs with icons",
        "of the training families.",
        "",
        labelled_sources(labels, trained=True),
    ]
    return "\n".join(lines) + "\n"


def calibration_line(platt: Platt) -> str:
    """A calibration and its gain in words."""
    intercepts = ", ".join(f"{value:+.2f}" for value in platt.intercept)
    return (
        f"slope {platt.slope:.3f}, intercepts {intercepts} on {platt.regions} regions of "
        f"{platt.pictures} pictures; on the same regions the calibration error falls from "
        f"{platt.error[0]:.3f} to {platt.error[1]:.3f}, and the Brier skill rises from "
        f"{platt.skill[0]:.3f} to {platt.skill[1]:.3f}"
    )


def _trained(runs: Sequence[Path]) -> list[str]:
    lines = ["- Trained by `python -m riskmask.model.train detector` with AdamW:"]
    names = [folder.name for folder in runs]
    for number, folder in enumerate(runs, start=1):
        facts = load_trained(folder)[1]
        settings, seconds = facts["settings"], facts["seconds"]
        if facts["mean_of"]:
            numbers = ", ".join(str(names.index(name) + 1) for name in facts["mean_of"])
            lines.append(f"  {number}. the mean of the weights of runs {numbers} (`train average`)")
            continue
        start = settings["started_from"]
        if start in names:
            start = f"run {names.index(start) + 1}"
        frozen = "`--frozen-statistics`, " if settings["frozen_statistics"] else ""
        codecs = ", ".join(settings["codecs"]) or "all codecs"
        lines.append(
            f"  {number}. from {start or 'random weights'}, by {codecs}: `--steps {facts['step']} "
            f"--batch {settings['batch']} --crop {settings['crop']} --rate {settings['rate']:g} "
            f"--decay {settings['decay']:g}`, {frozen}{seconds / 60:.0f} minutes"
        )
    return lines


def _codecs(labels: Sequence[Path]) -> str:
    pictures: dict[str, set[str]] = {}
    for folder in labels:
        for row in read_rows(folder, planes=False):
            if row.error is None and not is_for_calibration(row.key, row.source):
                pictures.setdefault(row.codec, set()).add(row.key)
    return ", ".join(f"{codec} {len(keys)}" for codec, keys in sorted(pictures.items()))


def _quantised(file: str, run: Path) -> tuple[list[str], str]:
    """What is told of the file's quantisation, and the name of the file that was calibrated."""
    kept = run / QUANTISATION
    record = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    if record.get("file") != file:
        return [], file
    lost = ", ".join(f"level {level}: {value:+.4f}" for level, value in record["lost"].items())
    told = (
        f"- In 8 bits (`train quantise`), for {record['source_bytes'] / 1e6:.1f} MB in float32; AP "
        f"lost over {record['regions']} judged regions of {record['pictures']} pictures kept out "
        f"of training, at the contested levels: {lost}."
    )
    return [told], record["source"]


def _calibrated(file: str, run: Path) -> list[str]:
    kept = run / CALIBRATION
    record = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    if record.pop("file", None) != file:
        return ["Its probabilities are not calibrated."]
    return [
        "Its risks of regions are calibrated on scenes and sources kept out of training",
        f"(`train calibrate`): {calibration_line(Platt(**record))}.",
    ]


def _log(runs: Sequence[Path]) -> list[dict[str, Any]]:
    logs = [folder / "detector.jsonl" for folder in runs if (folder / "detector.jsonl").exists()]
    return [json.loads(line) for line in logs[-1].read_text("utf-8").splitlines()]


def _held_out(log: Sequence[dict[str, Any]]) -> list[str]:
    checks = [{"step": line["step"], **line["held_out"]} for line in log if "held_out" in line]
    if not checks:
        return []
    return ["On crops of the pictures kept for the calibration:", "", loss_table(checks), ""]
