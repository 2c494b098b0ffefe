"""One codec's part of an evaluation: held-out pictures with its verdicts, and what is said of them.

The network speaks of the reference codec; a codec's profile turns that into its own risks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from riskmask.model.data.training_set import Example
from riskmask.model.evaluate.baselines import Baseline
from riskmask.model.evaluate.judged import Scores
from riskmask.model.evaluate.probability import scaled
from riskmask.model.runtime.prediction import Prediction
from riskmask.model.runtime.profiles import CodecProfile

OWN = "riskmask"  # the method in question, the first of every table


class Detector(Protocol):
    """What predicts."""

    def predict(self, image: NDArray[np.uint8]) -> Prediction:
        """(H, W, 3) uint8 RGB -> risk, rate and the other maps."""
        ...


@dataclass(frozen=True)
class Kind:
    """A sort of held-out pictures: ``name``, and whether an example ``belongs``."""

    name: str
    rendered: bool
    shrunk: bool | None  # None for both

    def belongs(self, example: Example) -> bool:
        """Whether it is of this sort; pictures without judged text or symbols are of none."""
        if (example.source == "scenes") != self.rendered or not is_judged(example):
            return False
        return self.shrunk is None or (example.scale != 1.0) == self.shrunk


KINDS = (
    Kind("rendered scenes", rendered=True, shrunk=None),
    Kind("real pictures as they are", rendered=False, shrunk=False),
    Kind("real pictures made small", rendered=False, shrunk=True),
)


def is_judged(example: Example) -> bool:
    """Whether it has a region whose fate is known."""
    return bool((example.labels.valid & example.labels.present).any())


class ScoreBook:
    """Every method's map of every picture, made once however many codecs are evaluated.

    Args:
        detector: in question.
        baselines: beside it.
    """

    def __init__(self, detector: Detector, baselines: Sequence[Baseline]) -> None:
        self._detector = detector
        self._baselines = baselines
        self._risk: dict[str, NDArray[np.float16]] = {}
        self._others: dict[str, Mapping[str, NDArray[np.float32]]] = {}

    def scores(self, examples: Sequence[Example], profile: CodecProfile) -> dict[str, list[Scores]]:
        """By method, for each picture a map per level or one for all; riskmask comes first."""
        for example in tqdm(examples, desc="scoring", unit="image"):
            if example.key not in self._risk:
                predicted = self._detector.predict(example.image)
                self._risk[example.key] = predicted.risk.astype(np.float16)
                self._others[example.key] = {
                    each.name: each.score(example.image) for each in self._baselines
                }
        found: dict[str, list[Scores]] = {
            OWN: [profiled(self._risk[example.key], profile) for example in examples]
        }
        for each in self._baselines:
            found[each.name] = [self._others[example.key][each.name][None] for example in examples]
        return found


def profiled(risk: NDArray[np.float16], profile: CodecProfile) -> NDArray[np.float32]:
    """The risk of a profile's codec, from that of the reference.

    Args:
        risk: (8, h, w) in [0, 1].
        profile: whose calibration to apply.
    """
    if set(profile.risk_slope) == {1.0} and set(profile.risk_intercept) == {0.0}:
        return np.asarray(risk, dtype=np.float32)  # untouched by the bounds of the logit
    last = np.moveaxis(risk.astype(np.float64), 0, -1)
    raised = scaled(last, profile.risk_slope, profile.risk_intercept)
    return np.ascontiguousarray(np.moveaxis(raised, -1, 0), dtype=np.float32)
