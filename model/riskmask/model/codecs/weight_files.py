"""Weights of learned codecs as float16 safetensors, named by their content's hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from riskmask.model.codecs.transforms import StepNetwork
from riskmask.model.runtime.errors import WeightsError

# Tables that the entropy coder derives from the weights and its constants are not stored (a
# likelihood bound of 1e-9 would not survive float16).
_DERIVED = ("_offset", "_quantized_cdf", "_cdf_length", "scale_table", ".bound", ".target")


def save_weights(network: StepNetwork, folder: Path, name: str = "hyperprior") -> Path:
    """Write a network as ``NAME-HASH.safetensors``.

    Args:
        network: trained.
        folder: is made where it does not exist.
        name: of the architecture.
    """
    state = {
        key: (value.half() if value.is_floating_point() else value).contiguous()
        for key, value in network.state_dict().items()
        if not key.endswith(_DERIVED)
    }
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{name}.partial"
    metadata = {"shape": json.dumps(asdict(network.shape)), "architecture": name}
    save_file(state, partial, metadata=metadata)
    digest = hashlib.sha256(partial.read_bytes()).hexdigest()
    path = folder / f"{name}-{digest[:8]}.safetensors"
    partial.replace(path)
    return path


def start_from(network: StepNetwork, path: Path) -> tuple[str, ...]:
    """Take over what another codec's weights have under the same names and shapes.

    Returns:
        Names of the network's own parameters that keep their random or DCT start, sorted.

    Raises:
        WeightsError: the file is no weights file, or has nothing that fits.
    """
    own = network.state_dict()
    taken: dict[str, Tensor] = {}
    try:
        with safe_open(path, framework="pt") as opened:
            for name in opened.keys():  # noqa: SIM118
                value = opened.get_tensor(name)
                if name in own and own[name].shape == value.shape:
                    taken[name] = value.to(own[name].dtype)
    except (OSError, SafetensorError) as error:
        raise WeightsError(
            f"{path.name} holds no weights of a codec; name a file that training wrote"
        ) from error
    if "analysis.weight" not in taken:
        raise WeightsError(f"nothing in {path.name} fits this architecture's transforms")
    network.load_state_dict({**own, **taken})
    return tuple(sorted(_parameters(network.state_dict()).keys() - taken.keys()))


def _parameters(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in state.items() if not name.endswith(_DERIVED)}
