"""The detector's network: what a codec will change at which level, and what each level costs.

An FPN (Lin et al., "Feature pyramid networks for object detection", CVPR 2017) on a mobile
encoder, with BatchNorm throughout. It has no operator of global extent, so what it says of a
pixel depends on that pixel's surroundings alone and a large picture can be cut into tiles.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from riskmask.model.levels import ANCHORS
from riskmask.model.torchvision_ops import ensure_torchvision

ensure_torchvision()

import segmentation_models_pytorch as smp  # noqa: E402
from segmentation_models_pytorch.decoders.fpn.decoder import Conv3x3GNReLU  # noqa: E402

CONTENTS = 3
KINDS = 3
Calibration = tuple[float, tuple[float, ...]]  # slope, and an intercept for each anchor
UNCALIBRATED: Calibration = (1.0, (0.0,) * ANCHORS)
RATE_POOL = 4  # from the stride of the other maps (4) to the codec's cells (16)


@dataclass(frozen=True)
class DetectorShape:
    """Encoder and widths; stored beside the weights."""

    encoder: str = "tu-mobilenetv4_conv_small"
    pyramid: int = 64
    segmentation: int = 32


DEFAULT_SHAPE = DetectorShape()


@dataclass(frozen=True)
class Logits:
    """What the loss sees, before activations; h = H/4, w = W/4.

    Attributes:
        risk: (B, 8, h, w), non-increasing from the coarsest level to the finest.
        log_rate: (B, 8, H/16, W/16), natural logarithm of bits per pixel, non-decreasing.
        content: (B, 3, h, w).
        high_impact: (B, 1, h, w).
        kind: (B, 3, h, w).
    """

    risk: Tensor
    log_rate: Tensor
    content: Tensor
    high_impact: Tensor
    kind: Tensor


class Detector(nn.Module):
    """uint8 or float RGB in [0, 255], (B, 3, H, W), H and W multiples of 32 -> :class:`Logits`."""

    def __init__(self, shape: DetectorShape = DEFAULT_SHAPE) -> None:
        super().__init__()
        self.shape = shape
        channels = 2 * ANCHORS + CONTENTS + 1 + KINDS
        self.network = smp.FPN(
            shape.encoder,
            encoder_weights=None,
            decoder_pyramid_channels=shape.pyramid,
            decoder_segmentation_channels=shape.segmentation,
            decoder_dropout=0.0,
            classes=channels,
            upsampling=1,
        )
        _make_local_and_bounded(self.network)
        _replace_upsampling(self.network.decoder)
        self.network.decoder.merge = _Sum()
        head = nn.Conv2d(shape.segmentation, channels, 3, padding=1)
        self.network.segmentation_head = nn.Sequential(head)
        # Starts: a risk of a few percent that falls with the level, rates of the usual order.
        with torch.no_grad():
            head.weight.mul_(0.1)
            head.bias.zero_()  # type: ignore[union-attr]
            head.bias[ANCHORS - 1] = -6.0  # type: ignore[index]
            head.bias[ANCHORS] = -3.5  # type: ignore[index]

    def forward(self, image: Tensor) -> Logits:
        """Run the network; normalisation is inside."""
        scaled = image.float() / 127.5 - 1.0
        features = self.network.decoder(self.network.encoder(scaled))
        risk, rate, content, high_impact, kind = self._heads(features)
        # The finest level's risk as such, and what each coarser level adds to it.
        steps = nn.functional.softplus(risk[:, : ANCHORS - 1])
        added = torch.flip(torch.cumsum(torch.flip(steps, [1]), dim=1), [1])
        finest = risk[:, ANCHORS - 1 :]
        risk = torch.cat([finest + added, finest], dim=1)
        # The coarsest level's rate as such, and what each finer level multiplies it by.
        growth = torch.cumsum(nn.functional.softplus(rate[:, 1:]), dim=1)
        log_rate = torch.cat([rate[:, :1], rate[:, :1] + growth], dim=1)
        return Logits(risk, log_rate, content, high_impact, kind)

    def _heads(self, features: Tensor) -> tuple[Tensor, ...]:
        """Risk, rate, content, high impact and kind before their activations.

        The rate is the mean over 4x4 places of a convolution, which is one convolution of stride
        4 with the mean of the shifted kernels: a quarter of the work.
        """
        head = self.network.segmentation_head[0]
        fine = [i for i in range(head.out_channels) if not ANCHORS <= i < 2 * ANCHORS]
        maps = nn.functional.conv2d(features, head.weight[fine], head.bias[fine], padding=1)
        kernels = head.weight[ANCHORS : 2 * ANCHORS].flatten(0, 1).unsqueeze(1)
        margin = RATE_POOL - 1
        kernels = nn.functional.avg_pool2d(
            nn.functional.pad(kernels, (margin,) * 4), RATE_POOL, stride=1
        )
        side = head.kernel_size[0] + margin
        kernels = kernels.reshape(ANCHORS, head.in_channels, side, side)
        bias = head.bias[ANCHORS : 2 * ANCHORS]
        rate = nn.functional.conv2d(features, kernels, bias, stride=RATE_POOL, padding=1)
        risk, content, high_impact, kind = torch.split(maps, [ANCHORS, CONTENTS, 1, KINDS], dim=1)
        return risk, rate, content, high_impact, kind


class _Sum(nn.Module):
    """The pyramid's levels added one by one, which engines fuse with what comes before."""

    def forward(self, levels: list[Tensor]) -> Tensor:
        """(B, C, h, w) each -> (B, C, h, w)."""
        total = levels[0]
        for level in levels[1:]:
            total = total + level
        return total


class DetectorGraph(nn.Module):
    """What is exported: uint8 NHWC in, probabilities and bits per pixel out.

    Args:
        detector: trained.
        calibration: slope over 0 and the anchors' intercepts on the logits of the risk (Platt
            scaling); the intercepts never rise, so that a finer level still never means more risk.
    """

    OUTPUTS = ("risk", "rate", "content", "high_impact", "kind")

    def __init__(self, detector: Detector, calibration: Calibration = UNCALIBRATED) -> None:
        super().__init__()
        self.detector = detector
        self.slope, intercept = calibration
        self.intercept: Tensor
        self.register_buffer("intercept", torch.tensor(intercept).view(1, -1, 1, 1))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """(N, H, W, 3) uint8 RGB -> risk, rate, content, high impact and kind as float32."""
        logits = self.detector(image.permute(0, 3, 1, 2))
        return (
            torch.sigmoid(logits.risk * self.slope + self.intercept),
            torch.exp(logits.log_rate.clamp(max=4.0)),
            torch.sigmoid(logits.content),
            torch.sigmoid(logits.high_impact),
            torch.sigmoid(logits.kind),
        )


def _make_local_and_bounded(module: nn.Module) -> None:
    """Put BatchNorm in place of GroupNorm, and ReLU6 in place of ReLU.

    GroupNorm looks at the whole picture; BatchNorm does not, and quantises better. Without a
    bound, activations grow from block to block where a picture is exactly flat, as drawn ones
    are and photographs never.
    """
    for name, child in module.named_children():
        if isinstance(child, nn.GroupNorm):
            setattr(module, name, nn.BatchNorm2d(child.num_channels))
        elif isinstance(child, nn.ReLU):
            setattr(module, name, nn.ReLU6(inplace=child.inplace))
        else:
            _make_local_and_bounded(child)


def _replace_upsampling(module: nn.Module) -> None:
    """With ``align_corners`` the picture's size says where to sample, and tiles would disagree."""
    for name, child in module.named_children():
        if isinstance(child, Conv3x3GNReLU) and child.upsample:
            child.upsample = False
            upsample = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
            setattr(module, name, nn.Sequential(child, upsample))
        else:
            _replace_upsampling(child)
