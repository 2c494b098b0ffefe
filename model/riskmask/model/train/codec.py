"""Train the reference codec: rate and distortion at all levels at once.

The multiplier of the distortion follows the step: at high rate the best trade of a uniform
quantiser with step D is lambda = 6 / (ln 2 * D^2) per squared error of a pixel; towards low rates
a power of 1.5 keeps the dead zone from swallowing everything.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from riskmask.model.codecs.layers import BLOCK
from riskmask.model.codecs.network import PEAK, HyperpriorNetwork, Shape
from riskmask.model.levels import FINEST, step_of_level
from riskmask.model.train.run import (
    MovingAverage,
    cosine_rate,
    load_checkpoint,
    pick_device,
    save_checkpoint,
    seed_everything,
)

REFERENCE_STEP = 28.0
REFERENCE_LAMBDA = 0.033  # per squared 8-bit error, averaged over the three channels


@dataclass(frozen=True)
class CodecTraining:
    """Settings of one run.

    Attributes:
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
    """

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


def train_codec(
    patches: NDArray[np.uint8], folder: Path, settings: CodecTraining
) -> HyperpriorNetwork:
    """Train, or continue the run in ``folder``; returns the averaged network on the CPU.

    Args:
        patches: (N, S, S, 3) uint8 RGB with S at least the crop.
        folder: of the checkpoint (``codec.pt``) and the log (``codec.jsonl``).
        settings: of the run; a continued run must have the same, but for its number of steps.
    """
    folder.mkdir(parents=True, exist_ok=True)
    device = pick_device(settings.device)
    generator = seed_everything(settings.seed)
    network = HyperpriorNetwork(Shape())
    network.to(device, memory_format=torch.channels_last)
    _measure_sigma(network, patches, device)
    quantiles = [p for n, p in network.named_parameters() if n.endswith("quantiles")]
    weights = [p for n, p in network.named_parameters() if not n.endswith("quantiles")]
    # The factorised prior has a handful of parameters a channel and must follow the rest quickly.
    prior = {id(p) for p in network.entropy_bottleneck.parameters()}
    groups = [
        {"params": [p for p in weights if id(p) not in prior], "scale": 1.0},
        {"params": [p for p in weights if id(p) in prior], "scale": 10.0},
    ]
    optimiser = torch.optim.Adam(groups, lr=settings.rate)
    auxiliary = torch.optim.Adam(quantiles, lr=1e-3)
    average = MovingAverage(network, 0.999)
    checkpoint = folder / "codec.pt"
    first, seconds = 0, 0.0
    saved = load_checkpoint(checkpoint, asdict(settings), device)
    if saved is not None:
        network.load_state_dict(saved["network"])
        optimiser.load_state_dict(saved["optimiser"])
        auxiliary.load_state_dict(saved["auxiliary"])
        average.state = saved["average"]
        generator.bit_generator.state = saved["generator"]
        torch.set_rng_state(saved.get("noise", torch.get_rng_state()).cpu())
        first, seconds = saved["step"], saved["seconds"]

    network.train()
    started = saved_at = time.monotonic()
    log = (folder / "codec.jsonl").open("a", encoding="utf-8")
    window: list[tuple[float, float, float]] = []
    for step in range(first, settings.steps):
        for group in optimiser.param_groups:
            group["lr"] = group["scale"] * cosine_rate(step, settings.steps, settings.rate)
        image, levels = _batch(patches, generator, settings)
        image, levels = image.to(device), levels.to(device)
        quantiser = step_of_level(levels.cpu().numpy())
        steps_map = torch.from_numpy(np.asarray(quantiser, dtype=np.float32)).to(device)
        with torch.autocast(device.type, torch.bfloat16, enabled=settings.bf16):
            coded = network(image, steps_map)
        squared = ((coded.image.float() - image) * PEAK).square().mean(dim=1, keepdim=True)
        multiplier = REFERENCE_LAMBDA * (REFERENCE_STEP / steps_map) ** 1.5
        multiplier = torch.nn.functional.interpolate(multiplier, scale_factor=BLOCK)
        bpp = coded.bits.mean(dim=(1, 2, 3)) / BLOCK**2
        distortion = (multiplier * squared).mean(dim=(1, 2, 3))
        loss = ((bpp + distortion) / (settings.balance + bpp.detach())).mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimiser.step()
        auxiliary.zero_grad(set_to_none=True)
        network.entropy_bottleneck.loss().backward()
        auxiliary.step()
        average.update(network, step)
        window.append((loss.item(), bpp.mean().item(), squared.mean().item()))

        now = time.monotonic()
        if (step + 1) % 100 == 0:
            mean = np.mean(window, axis=0)
            window.clear()
            line = {
                "step": step + 1,
                "loss": round(float(mean[0]), 4),
                "bpp": round(float(mean[1]), 4),
                "mse": round(float(mean[2]), 2),
                "seconds": round(seconds + now - started, 1),
            }
            log.write(json.dumps(line) + "\n")
            log.flush()
        last = step + 1 == settings.steps
        if last or now - saved_at > settings.checkpoint_minutes * 60:
            saved_at = now
            save_checkpoint(
                checkpoint,
                {
                    "settings": asdict(settings),
                    "network": network.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "auxiliary": auxiliary.state_dict(),
                    "average": average.state,
                    "generator": generator.bit_generator.state,
                    "noise": torch.get_rng_state(),
                    "step": step + 1,
                    "seconds": seconds + now - started,
                },
            )
    log.close()
    network.load_state_dict({**network.state_dict(), **average.state})
    network.cpu().eval()
    return network


def _measure_sigma(
    network: HyperpriorNetwork, patches: NDArray[np.uint8], device: torch.device
) -> None:
    """Start the entropy model from the coefficients' real spread."""
    picked = np.ascontiguousarray(patches[:: max(len(patches) // 256, 1), :128, :128])
    image = torch.from_numpy(picked).permute(0, 3, 1, 2).float().to(device) / PEAK
    with torch.no_grad():
        spread = network.analysis(image - 0.5).std(dim=(0, 2, 3)).clamp(min=1e-4)
        network.log_sigma.copy_(torch.log(spread))


def _batch(
    patches: NDArray[np.uint8], generator: np.random.Generator, settings: CodecTraining
) -> tuple[Tensor, Tensor]:
    """Random crops, flipped, (B, 3, C, C) float32 in [0, 1], and their level maps."""
    crop, cells = settings.crop, settings.crop // BLOCK
    room = patches.shape[1] - crop + 1
    images = np.empty((settings.batch, crop, crop, 3), dtype=np.uint8)
    levels = np.empty((settings.batch, 1, cells, cells), dtype=np.float32)
    for row in range(settings.batch):
        patch = patches[generator.integers(len(patches))]
        y, x = generator.integers(0, room, size=2)
        piece = patch[y : y + crop, x : x + crop]
        images[row] = piece[:, ::-1] if generator.random() < 0.5 else piece
        levels[row] = generator.uniform(0.0, FINEST)
        if generator.random() < settings.map_share:
            top, left = generator.integers(0, cells, size=2)
            height, width = generator.integers(1, cells + 1, size=2)
            region = levels[row, 0, top : top + height, left : left + width]
            region[...] = generator.uniform(0.0, FINEST)
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2).float() / PEAK
    return tensor.contiguous(memory_format=torch.channels_last), torch.from_numpy(levels)
