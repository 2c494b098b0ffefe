"""Train the detector on label maps."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from riskmask.model.data.augmentation import Augmentation
from riskmask.model.data.picture_hash import picture_hash
from riskmask.model.data.training_set import Batch, Example, Sampler
from riskmask.model.detector import DEFAULT_SHAPE, Detector, DetectorShape, Logits
from riskmask.model.levels import ANCHORS
from riskmask.model.train.run import (
    MovingAverage,
    RunLog,
    cosine_rate,
    load_checkpoint,
    pick_device,
    save_checkpoint,
    seed_everything,
)

CHECKPOINT = "detector.pt"  # in the folder of a run
LOWEST_RATE = 1e-3  # bits per pixel of a cell; below it nothing is told apart
LOG_STEPS = 100  # means of so many steps make a line of the log
CHECK_STEPS = 1000  # so often the loss on pictures kept out of training is taken
CHECK_BATCHES = 24
AUGMENTATION = Augmentation(exposure=0.5, negative=0.3, colours=0.2, noise=0.2, jpeg=0.3)


@dataclass(frozen=True)
class DetectorTraining:
    """Settings of one run.

    Attributes:
        steps: optimiser steps in all; the learning rate's cosine ends there.
        batch: crops in a step.
        crop: side of a crop in pixels, a multiple of 32.
        rate: peak learning rate of AdamW.
        decay: weight decay.
        region_weight: weight of a cell inside a judged region of typical size, times which its
            importance counts; the background has 1.
        codecs: whose labels are learnt; none for all that there are.
        frozen_statistics: normalise by the statistics that the run begins with, not by those of
            the batch; for going on gently from a network that is good already.
        started_from: name of what the run begins with, for the card; empty for random weights.
        augmentation: of the crops.
        seed: of batches and weights.
        device: ``auto``, ``cpu`` or ``cuda``.
        bf16: run the network in bfloat16.
        checkpoint_minutes: how often the run is saved.
    """

    steps: int = 9_000
    batch: int = 8
    crop: int = 256
    rate: float = 2e-3
    decay: float = 1e-2
    region_weight: float = 4.0
    codecs: tuple[str, ...] = ()
    frozen_statistics: bool = False
    started_from: str = ""
    augmentation: Augmentation = AUGMENTATION
    seed: int = 0
    device: str = "auto"
    bf16: bool = False
    checkpoint_minutes: float = 4.0


@dataclass(frozen=True)
class Start:
    """What training begins with, other than random weights.

    Attributes:
        network: whose weights it takes.
        sha256: of the file that they are from, which a run is held to. Of an exported file the
            statistics are taken anew, and differ by rounding from one reading to the next.
    """

    network: Detector
    sha256: str


def train_detector(
    examples: Sequence[Example],
    folder: Path,
    settings: DetectorTraining,
    shape: DetectorShape = DEFAULT_SHAPE,
    start: Start | None = None,
    held_out: Sequence[Example] = (),
) -> Detector:
    """Train, or continue the run in ``folder``; returns the averaged network on the CPU.

    Args:
        examples: of :func:`riskmask.model.data.training_set.load_examples`.
        folder: of the checkpoint (``detector.pt``) and the log (``detector.jsonl``).
        settings: of the run; a continued run must have the same, but for its number of steps.
        shape: of the network.
        start: what a new run begins with; default: random weights.
        held_out: pictures that are not trained on; the averaged network's loss on crops of them,
            always the same ones, is logged beside the training loss.
    """
    folder.mkdir(parents=True, exist_ok=True)
    device = pick_device(settings.device)
    generator = seed_everything(settings.seed)
    network = Detector(shape)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if start is not None:
        network.load_state_dict(start.network.state_dict())
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=settings.rate, weight_decay=settings.decay
    )
    average = MovingAverage(network, 0.998)
    checkpoint = folder / CHECKPOINT
    first, seconds = 0, 0.0
    window: list[dict[str, float]] = []
    data = _data(examples, shape, start)
    saved = load_checkpoint(checkpoint, asdict(settings), device, data)
    if saved is not None:
        network.load_state_dict(saved["network"])
        optimiser.load_state_dict(saved["optimiser"])
        average.state = saved["average"]
        generator.bit_generator.state = saved["generator"]
        first, seconds = saved["step"], saved["seconds"]
        window = saved["window"]
    sampler = Sampler(examples, settings.crop, generator, settings.augmentation)
    checks = _crops(held_out, settings)

    network.train()
    if settings.frozen_statistics:
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eval()
    started = saved_at = time.monotonic()
    with RunLog(folder / "detector.jsonl", first) as log:
        for step in range(first, settings.steps):
            for group in optimiser.param_groups:
                group["lr"] = cosine_rate(step, settings.steps, settings.rate)
            batch = sampler.batch(settings.batch).to(device)
            with torch.autocast(device.type, torch.bfloat16, enabled=settings.bf16):
                logits = network(batch.image.to(memory_format=torch.channels_last))
            parts = losses(logits, batch, settings.region_weight)
            loss = torch.stack(list(parts.values())).sum()
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
            optimiser.step()
            average.update(network, step)
            window.append({name: part.item() for name, part in parts.items()})

            now = time.monotonic()
            if (step + 1) % LOG_STEPS == 0:
                further = {}
                if checks and (step + 1) % CHECK_STEPS == 0:
                    averaged = Detector(shape).to(device)
                    averaged.load_state_dict({**network.state_dict(), **average.state})
                    lost = held_out_loss(averaged, checks, settings.region_weight)
                    further["held_out"] = lost
                log.write(step + 1, window, seconds + now - started, **further)
                window.clear()
            if step + 1 == settings.steps or now - saved_at > settings.checkpoint_minutes * 60:
                saved_at = now
                save_checkpoint(
                    checkpoint,
                    {
                        "settings": asdict(settings),
                        "data": data,
                        "shape": asdict(shape),
                        "network": network.state_dict(),
                        "optimiser": optimiser.state_dict(),
                        "average": average.state,
                        "generator": generator.bit_generator.state,
                        "window": window,
                        "step": step + 1,
                        "seconds": seconds + now - started,
                    },
                )
    network.load_state_dict({**network.state_dict(), **average.state})
    network.cpu().eval()
    return network


def _data(examples: Sequence[Example], shape: DetectorShape, start: Start | None) -> str:
    """What tells a run from others of the same settings: pictures, labels, network and weights."""
    begins = "" if start is None else start.sha256
    digest = hashlib.sha256(f"{json.dumps(asdict(shape))} {begins}".encode())
    for example in examples:
        digest.update(f"{example.key} {picture_hash(example.image)}".encode())
        for labels in (example.labels, *example.others):
            for name, plane in vars(labels).items():
                digest.update(f" {name} {plane.shape}".encode())
                digest.update(plane.tobytes())
        digest.update(repr(example.regions).encode())
    return digest.hexdigest()


def _crops(examples: Sequence[Example], settings: DetectorTraining) -> list[Batch]:
    """The same crops for every run of these settings, not augmented."""
    if not examples:
        return []
    sampler = Sampler(examples, settings.crop, np.random.default_rng(settings.seed))
    return [sampler.batch(settings.batch) for _ in range(CHECK_BATCHES)]


@torch.no_grad()
def held_out_loss(
    network: Detector, batches: Sequence[Batch], region_weight: float
) -> dict[str, float]:
    """Loss by head, a mean over the batches; the network is left in evaluation mode."""
    network.eval()
    device = next(network.parameters()).device
    total: Counter[str] = Counter()
    for batch in batches:
        moved = batch.to(device)
        logits = network(moved.image.to(memory_format=torch.channels_last))
        total.update(
            {name: part.item() for name, part in losses(logits, moved, region_weight).items()}
        )
    return {name: round(value / len(batches), 4) for name, value in total.items()}


def load_trained(folder: Path) -> tuple[Detector, dict[str, Any]]:
    """The averaged network of a run's last checkpoint, on the CPU, and the run's facts."""
    saved = torch.load(folder / CHECKPOINT, map_location="cpu", weights_only=False)
    network = Detector(DetectorShape(**saved["shape"]))
    network.load_state_dict({**saved["network"], **saved["average"]})
    facts = {key: saved[key] for key in ("settings", "shape", "step", "seconds")}
    return network.eval(), {**facts, "mean_of": saved.get("mean_of")}


def average_runs(runs: Sequence[Path], folder: Path) -> None:
    """Write a run whose weights are the mean of those of others, each started from the last.

    Runs that continue one another end in the same basin of the loss, and their mean lies deeper in
    it (Wortsman et al., "Model soups", ICML 2022).

    Raises:
        ValueError: fewer than two runs, or of networks of different shapes.
    """
    saved = [torch.load(run / CHECKPOINT, map_location="cpu", weights_only=False) for run in runs]
    if len(saved) < 2 or any(other["shape"] != saved[0]["shape"] for other in saved):
        raise ValueError("average at least two runs, all of networks of one shape")
    mean = {
        name: torch.stack([each["average"][name] for each in saved]).mean(dim=0)
        for name in saved[0]["average"]
    }
    folder.mkdir(parents=True, exist_ok=True)
    last = {key: saved[-1][key] for key in ("settings", "shape", "network", "step", "seconds")}
    content = {**last, "average": mean, "mean_of": [run.name for run in runs]}
    save_checkpoint(folder / CHECKPOINT, content)


def losses(logits: Logits, batch: Batch, region_weight: float) -> dict[str, Tensor]:
    """Loss by head; each is a mean over what is known, so that no head drowns another."""
    levels = torch.arange(ANCHORS, device=batch.count.device).view(1, -1, 1, 1)
    changed = (batch.count.unsqueeze(1) > levels).float()
    known = batch.valid.unsqueeze(1).float()
    # A symbol that becomes another one weighs twice.
    importance = batch.importance.unsqueeze(1)
    weight = known * torch.where(importance > 0, region_weight * importance, 1.0)
    weight = weight * (1 + changed * batch.high_impact)
    happened = (batch.valid & (batch.count > 0)).unsqueeze(1).float()
    content_weight = batch.present_valid.float() * (1 + batch.present.float())
    log_truth = torch.log(batch.rate.clamp(min=LOWEST_RATE))
    log_rate = logits.log_rate.float()
    crop_rate = log_rate.exp().mean(dim=(2, 3))
    crop_truth = batch.rate.mean(dim=(2, 3)).clamp(min=LOWEST_RATE)
    return {
        "risk": 2 * _mean_bce(logits.risk, changed, weight),
        "content": _mean_bce(logits.content, batch.present.float(), content_weight),
        "high_impact": 0.2 * _mean_bce(logits.high_impact, batch.high_impact, happened),
        "kind": 0.2 * _mean_bce(logits.kind, batch.kind, happened),
        "rate": 0.5 * functional.smooth_l1_loss(log_rate, log_truth, beta=0.2),
        "mean_rate": (torch.log(crop_rate) - torch.log(crop_truth)).abs().mean(),
    }


def _mean_bce(logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    loss = functional.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
    weight = weight.expand_as(loss)
    return (loss * weight).sum() / weight.sum().clamp(min=1)
