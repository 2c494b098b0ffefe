"""Where the weights of CompressAI's published codecs come from: a folder, or their publisher."""

from __future__ import annotations

import hashlib
import pickle
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import Any, Literal
from urllib.parse import urlsplit

import torch

from riskmask.model.torchvision_ops import ensure_torchvision

ensure_torchvision()

from compressai.models import CompressionModel  # noqa: E402
from compressai.zoo import image_models  # noqa: E402
from compressai.zoo.image import model_architectures, model_urls  # noqa: E402
from compressai.zoo.pretrained import load_pretrained  # noqa: E402

Metric = Literal["mse", "ms-ssim"]

# Architecture and the number of qualities that it was published in.
QUALITIES: Mapping[str, int] = {
    "bmshj2018-factorized": 8,
    "bmshj2018-hyperprior": 8,
    "mbt2018-mean": 8,
    "mbt2018": 8,
    "cheng2020-anchor": 6,
    "cheng2020-attn": 6,
}
# What torch.load and from_state_dict raise on other files and other networks.
_NOT_WEIGHTS = (
    RuntimeError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    EOFError,
    pickle.UnpicklingError,
)
_HASHED_NAME = re.compile(r"-([0-9a-f]{8})\.pth\.tar$")


class PublishedWeightsError(RuntimeError):
    """Weights of a published codec cannot be had; the message says what to do."""


@dataclass(frozen=True)
class PublishedWeights:
    """One network of CompressAI's zoo.

    Attributes:
        architecture: a key of :data:`QUALITIES`.
        metric: what the network was trained for.
        quality: from 1, the coarsest.
    """

    architecture: str
    metric: Metric
    quality: int

    @property
    def url(self) -> str:
        """Where the weights were published."""
        return str(model_urls[self.architecture][self.metric][self.quality])

    @property
    def published_name(self) -> str:
        """The file's name there, ending in the first eight digits of its SHA-256."""
        return PurePosixPath(urlsplit(self.url).path).name

    @property
    def own_name(self) -> str:
        """How the name of a checkpoint in a folder begins."""
        return f"{self.architecture}-{self.metric}-{self.quality}"

    def download(self) -> CompressionModel:
        """The pretrained network, from torch's cache or its publisher.

        Raises:
            PublishedWeightsError: there is no network, or the publisher does not answer.
        """
        make = image_models[self.architecture]
        try:
            with _patience(seconds=30):
                return make(self.quality, metric=self.metric, pretrained=True, progress=False)
        except (OSError, HTTPException) as error:
            raise PublishedWeightsError(
                f"the weights {self.own_name} could not be downloaded ({error}); fetch "
                f"{self.url} where there is a network, and name the folder that holds it"
            ) from error

    def read(self, folder: Path) -> CompressionModel:
        """The network of a checkpoint on disk: a state dict, or one under ``state_dict``.

        Raises:
            PublishedWeightsError: the folder holds none or several, or the file is not one.
        """
        path = self._find(folder)
        named = _HASHED_NAME.search(path.name)
        if named and not hashlib.sha256(path.read_bytes()).hexdigest().startswith(named[1]):
            raise PublishedWeightsError(
                f"{path.name} is damaged: its sha256 is not the one in its name; fetch it again"
            )
        try:
            saved: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            state = load_pretrained(saved.get("state_dict", saved))
            return model_architectures[self.architecture].from_state_dict(state)
        except _NOT_WEIGHTS as error:
            raise PublishedWeightsError(
                f"{path.name} holds no weights of {self.architecture}; fetch it again"
            ) from error

    def _find(self, folder: Path) -> Path:
        # After the quality no digit: 1 is not 10.
        own = re.compile(rf"{re.escape(self.own_name)}(?!\d)")
        found = [
            path
            for path in folder.glob("*.pth.tar")
            if path.name == self.published_name or own.match(path.name)
        ]
        if len(found) != 1:
            raise PublishedWeightsError(
                f"the folder holds {'several' if found else 'no'} weights {self.own_name}; it must "
                f"hold one {self.own_name}*.pth.tar, or {self.published_name} as published"
            )
        return found[0]


@contextmanager
def _patience(seconds: float) -> Iterator[None]:
    """Bound every wait for the publisher: torch's download sets no limit of its own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
