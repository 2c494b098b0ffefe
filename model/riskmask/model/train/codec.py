"""Train a codec at all levels at once; every run can be killed and continued."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from tqdm import tqdm

from riskmask.model.codecs import learned_codec
from riskmask.model.codecs.layers import BLOCK
from riskmask.model.codecs.transforms import PEAK, StepNetwork
from riskmask.model.codecs.weight_files import start_from
from riskmask.model.train.batches import draw_batch
from riskmask.model.train.objectives import Objective
from riskmask.model.train.recipes import RECIPES
from riskmask.model.train.run import (
    MovingAverage,
    RunLog,
    cosine_rate,
    load_checkpoint,
    pick_device,
    save_checkpoint,
    seed_everything,
)


@dataclass(frozen=True)
class CodecTraining:
    """Settings of one run.

    Attributes:
        architecture: a key of :data:`riskmask.model.codecs.LEARNED`.
        steps: optimiser steps in all; the learning rate's cosine ends there.
        batch: crops in a step.
        crop: side of a crop in pixels, a multiple of 32.
        rate: peak learning rate of Adam.
        map_share: share of crops whose level varies in space.
        balance: bpp added to a crop's rate before the loss is divided by it.
        seed: of batches and weights.
        device: ``auto``, ``cpu`` or ``cuda``.
        bf16: run the transforms in bfloat16; the entropy model stays in float32.
        checkpoint_minutes: how often the run is saved.
        sizes: of the network, where they differ from the architecture's own.
    """

    architecture: str = "hyperprior"
    steps: int = 14_000
    batch: int = 8
    crop: int = 128
    rate: float = 5e-4
    map_share: float = 0.3
    balance: float = 0.15
    seed: int = 0
    device: str = "auto"
    bf16: bool = False
    checkpoint_minutes: float = 4.0
    sizes: Mapping[str, float] = field(default_factory=dict)


def train_codec(
    patches: NDArray[np.uint8], folder: Path, settings: CodecTraining, start: Path | None = None
) -> StepNetwork:
    """Train, or continue the run in ``folder``; returns the averaged network on the CPU.

    Args:
        patches: (N, S, S, 3) uint8 RGB with S at least the crop.
        folder: of the checkpoint (``codec.pt``) and the log (``codec.jsonl``).
        settings: of the run; a continued run must have the same, but for its number of steps.
        start: trained weights to begin with; what fits by name and shape is taken over.

    Raises:
        ValueError: the patches or settings do not fit, or the run in the folder is another one.
        WeightsError: the start is no weights file of a codec.
    """
    _check(patches, settings, start)
    folder.mkdir(parents=True, exist_ok=True)
    device = pick_device(settings.device)
    generator = seed_everything(settings.seed)
    recipe = RECIPES[settings.architecture]
    network = _network(settings, patches, start)
    network.to(device, memory_format=torch.channels_last)
    objective = recipe.objective(network, settings.balance)
    optimiser = _optimiser(network, objective, settings)
    auxiliary = None
    if recipe.quantiles:
        ends = [p for name, p in network.named_parameters() if name.endswith("quantiles")]
        auxiliary = torch.optim.Adam(ends, lr=1e-3)
    average = MovingAverage(network, 0.999)
    began = hashlib.sha256(start.read_bytes()).hexdigest() if start else None
    identity = {**asdict(settings), "sizes": dict(settings.sizes), "start": began}

    checkpoint = folder / "codec.pt"
    first, seconds = 0, 0.0
    window: list[dict[str, float]] = []
    data = hashlib.sha256(patches.tobytes()).hexdigest()
    saved = load_checkpoint(checkpoint, identity, device, data)
    if saved is not None:
        network.load_state_dict(saved["network"])
        optimiser.load_state_dict(saved["optimiser"])
        if auxiliary is not None:
            auxiliary.load_state_dict(saved["auxiliary"])
        objective.load(saved["objective"])
        average.state = saved["average"]
        generator.bit_generator.state = saved["generator"]
        _restore_noise(saved["noise"])
        first, seconds = saved["step"], saved["seconds"]
        window = saved.get("window", [])

    def save(done: int, spent: float) -> None:
        content = {
            "settings": identity,
            "data": data,
            "network": network.state_dict(),
            "optimiser": optimiser.state_dict(),
            "auxiliary": None if auxiliary is None else auxiliary.state_dict(),
            "objective": objective.state(),
            "average": average.state,
            "generator": generator.bit_generator.state,
            "noise": _noise(device),
            "window": window,
            "step": done,
            "seconds": spent,
        }
        save_checkpoint(checkpoint, content)

    network.train()
    started = saved_at = time.monotonic()
    trained = objective.parameters()
    with RunLog(folder / "codec.jsonl", first) as log:
        for step in tqdm(range(first, settings.steps), initial=first, total=settings.steps):
            rate = cosine_rate(step, settings.steps, settings.rate)
            for group in optimiser.param_groups:
                group["lr"] = group["scale"] * rate
            image, step_map = draw_batch(
                patches,
                generator,
                batch=settings.batch,
                crop=settings.crop,
                map_share=settings.map_share,
                levels=recipe.levels,
            )
            loss, figures = objective.loss(
                image.to(device), step_map.to(device), bf16=settings.bf16
            )
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(trained, 1.0)
            optimiser.step()
            if auxiliary is not None:
                auxiliary.zero_grad(set_to_none=True)
                network.aux_loss().backward()
                auxiliary.step()
            objective.after_step(rate)
            average.update(network, step)
            window.append({"loss": loss.item(), **figures})

            now = time.monotonic()
            if (step + 1) % 100 == 0:
                log.write(step + 1, window, seconds + now - started)
                window.clear()
            last = step + 1 == settings.steps
            if last or now - saved_at >= settings.checkpoint_minutes * 60:
                saved_at = now
                save(step + 1, seconds + now - started)
    network.load_state_dict({**network.state_dict(), **average.state})
    network.cpu().eval()
    return network


def _check(patches: NDArray[np.uint8], settings: CodecTraining, start: Path | None) -> None:
    if settings.architecture not in RECIPES:
        raise ValueError(
            f"{settings.architecture} is not a codec to train; known are {', '.join(RECIPES)}"
        )
    if settings.crop % 32 or settings.crop <= 0:
        raise ValueError("the crop must be a multiple of 32 pixels")
    if patches.ndim != 4 or patches.shape[3] != 3 or patches.dtype != np.uint8:
        raise ValueError("patches must be one uint8 array of (N, side, side, 3)")
    if min(patches.shape[1:3]) < settings.crop or not len(patches):
        raise ValueError(f"the patches are smaller than a crop of {settings.crop} pixels")
    if RECIPES[settings.architecture].needs_start and start is None:
        raise ValueError(
            f"{settings.architecture} is the second stage of a trained hyperprior; name its "
            "weights with --start"
        )


def _network(
    settings: CodecTraining, patches: NDArray[np.uint8], start: Path | None
) -> StepNetwork:
    make = learned_codec(settings.architecture).network_class
    network = make(make.SHAPE(**settings.sizes))  # type: ignore[arg-type]
    picked = np.ascontiguousarray(patches[:: max(len(patches) // 256, 1), :128, :128])
    side = min(picked.shape[1:3]) // BLOCK * BLOCK
    images = torch.from_numpy(picked[:, :side, :side]).permute(0, 3, 1, 2).float() / PEAK
    network.measure_spread(images)
    if start is not None:
        start_from(network, start)
    return network


def _optimiser(
    network: StepNetwork, objective: Objective, settings: CodecTraining
) -> torch.optim.Adam:
    fast = {id(p) for p in network.fast_parameters()}
    trained = objective.parameters()
    groups = [
        {"params": [p for p in trained if id(p) not in fast], "scale": 1.0},
        {"params": [p for p in trained if id(p) in fast], "scale": 10.0},
    ]
    return torch.optim.Adam([g for g in groups if g["params"]], lr=settings.rate)


def _noise(device: torch.device) -> dict[str, Any]:
    """State of torch's generators: of the CPU, and of the device that trains."""
    state = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        state["cuda"] = torch.cuda.get_rng_state(device)
    return state


def _restore_noise(state: dict[str, Any]) -> None:
    torch.set_rng_state(state["cpu"].cpu())
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"].cpu())
