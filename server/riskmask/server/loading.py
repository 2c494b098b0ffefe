"""The engine from its files: the packaged ones, and a user's in their place."""

from __future__ import annotations

from pathlib import Path

from riskmask.model.runtime.cpus import available_cpus
from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.profiles import packaged_profiles
from riskmask.model.runtime.weights import find_weights
from riskmask.server.engine.engine import Engine


def load_engine(
    *, model: Path | None = None, profiles: Path | None = None, threads: int | None = None
) -> Engine:
    """An engine over the packaged detector and codec profiles.

    Args:
        model: another detector's ONNX file.
        profiles: a folder of codec profiles (``NAME.json``) that are added to the packaged ones,
            or replace those of the same name.
        threads: of one inference, at least 1; the cores this process may use unless given.

    Raises:
        AssetError: weights, model or profiles are missing or broken.
    """
    path = find_weights("detector").path if model is None else model
    known = packaged_profiles()
    if profiles is not None:
        known |= packaged_profiles(profiles)
    return Engine(Predictor(path, threads=threads or available_cpus()), known)
