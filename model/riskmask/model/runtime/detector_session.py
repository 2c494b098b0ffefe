"""The detector inside ONNX Runtime: loaded, held against its contract, run on tiles."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort  # type: ignore[import-untyped]
from numpy.typing import NDArray

from riskmask.model.runtime.contract import (
    INPUT,
    OUTPUTS,
    TOLERANCE,
    Maps,
    check_shapes,
    check_signature,
    check_values,
    checked_name,
)
from riskmask.model.runtime.cpus import available_cpus
from riskmask.model.runtime.errors import ModelError, WeightsError
from riskmask.model.runtime.tiles import LENGTHS
from riskmask.model.runtime.weights import Weights

NAMES = list(OUTPUTS)


class DetectorSession:
    """A loaded detector. ``run`` may be called from many threads at once.

    Attributes:
        name: the model's own name.
        sha256: of the ONNX file, 64 hexadecimal digits.
        threads: of one inference.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: int | None = None,
        providers: Sequence[str] = ("CPUExecutionProvider",),
        expected: Weights | None = None,
    ) -> None:
        """Load a detector and run it once, on a tile of noise, whose answer must fit the contract.

        Args:
            path: the ONNX file.
            threads: of one inference; the cores this process may use unless given.
            providers: ONNX Runtime execution providers, in order of preference.
            expected: what a manifest says of the file.

        Raises:
            ModelError: no such file, not an ONNX file, or not a detector.
            WeightsError: not the file or not the model that the manifest names.
            ValueError: ``threads`` is under 1.
        """
        self.threads = available_cpus() if threads is None else threads
        if self.threads < 1:
            raise ValueError(f"threads must be at least 1, not {threads}")
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ModelError(f"cannot read the model {path.name}: {error.strerror}") from None
        self.sha256 = hashlib.sha256(content).hexdigest()
        if expected is not None:
            expected.check_hash(self.sha256)
        try:
            self._session = ort.InferenceSession(
                content, session_options(self.threads), providers=list(providers)
            )
        except Exception as error:  # its errors share no base class but this one
            raise ModelError(f"{path.name} is not an ONNX model that can run here") from error
        self.name = checked_name(self._session, path.name)
        if expected is not None and self.name != expected.name:
            raise WeightsError(
                f"{path.name} holds the model {self.name}, its manifest says {expected.name}"
            )
        check_signature(self._session, path.name)
        check_values(self._answer(_noise(1), ort.RunOptions()), path.name)

    def run(self, tiles: NDArray[np.uint8], release: bool) -> Maps:
        """Maps of N tiles at once, each in the contract's range.

        Args:
            tiles: (N, H, W, 3) uint8 RGB.
            release: give the memory of this run back after it.

        Raises:
            ModelError: the model failed or answered what its contract forbids.
        """
        options = ort.RunOptions()
        if release:
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        return {
            name: np.clip(values, 0.0, np.inf if name == "rate" else 1.0)
            for name, values in self._answer(tiles, options).items()
        }

    def check_batch(self, number: int) -> None:
        """Holds a batch's answers against those for its tiles one by one.

        Args:
            number: of tiles.

        Raises:
            ModelError: they differ, or the model takes one tile alone.
        """
        tiles = _noise(number)
        together = self.run(tiles, False)
        for index in range(number):
            alone = self.run(tiles[index : index + 1], False)
            for name, values in alone.items():
                if not np.allclose(together[name][index], values[0], TOLERANCE, TOLERANCE):
                    raise ModelError(
                        f"the model {self.name} answers {name} of a tile otherwise where there are "
                        f"{number}; leave batch_tiles at 1"
                    )

    def _answer(self, tiles: NDArray[np.uint8], options: ort.RunOptions) -> Maps:
        try:
            outputs = self._session.run(NAMES, {INPUT: tiles}, options)
        except Exception as error:  # its errors share no base class but this one
            raise ModelError("the detector failed on a tile; see the log for its cause") from error
        maps: Maps = dict(zip(NAMES, outputs, strict=True))
        check_shapes(maps, *tiles.shape[:3])
        return maps


def _noise(number: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (number, LENGTHS[0], LENGTHS[0], 3), np.uint8)


def session_options(threads: int) -> ort.SessionOptions:
    """How ONNX Runtime runs a network here.

    Args:
        threads: of one inference, at least 1.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # A plan of one block for each shape would be kept for every shape, and blocks of as many sizes
    # leave gaps in the arena; without it smaller shapes live in what the largest has taken.
    options.enable_mem_pattern = False
    # Spinning threads collapse when the machine has other work.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return options
