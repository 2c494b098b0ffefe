"""The label factory: picture x level -> reconstruction -> findings -> label map.

Levels are visited from the finest to the coarsest. What changed at a finer level counts as
changed at every coarser one, so a region is not looked at again once it has changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.base import Annotator, Finding
from riskmask.model.codecs.hyperprior import Hyperprior
from riskmask.model.data.items import Picture
from riskmask.model.data.planes import LabelMap, Verdict, draw_labels, verdict_of
from riskmask.model.levels import ANCHORS


@dataclass(frozen=True)
class Labelled:
    """One labelled picture: its planes and a row for every finding."""

    labels: LabelMap
    findings: tuple[Mapping[str, object], ...]


class Factory:
    """Labels pictures with one codec and a set of annotators."""

    def __init__(self, codec: Hyperprior, annotators: Sequence[Annotator]) -> None:
        self._codec = codec
        self._annotators = annotators

    def label(self, key: str, picture: Picture) -> Labelled:
        """Label one picture; ``key`` goes into the findings."""
        examinations = [a.examine(picture.image, picture.regions) for a in self._annotators]
        doubtful = {
            index: examination for examination in examinations for index in examination.judged
        }
        judged = set(doubtful)
        found: dict[int, dict[int, Finding]] = {index: {} for index in judged}
        rates: list[NDArray[np.float16]] = []
        rows: list[Mapping[str, object]] = []
        image_hash = hashlib.sha256(picture.image.tobytes()).hexdigest()
        for level in reversed(range(ANCHORS)):
            if not doubtful:
                rates.append(self._codec.rate_map(picture.image, level).astype(np.float16))
                continue
            coded = self._codec.reconstruct(picture.image, level)
            rates.append(np.asarray(coded.rate_map, dtype=np.float16))
            for examination in examinations:
                open_regions = [i for i, e in doubtful.items() if e is examination]
                for index, finding in examination.judge(coded.image, open_regions).items():
                    found[index][level] = finding
                    rows.append(
                        {
                            "key": key,
                            "image_sha256": image_hash,
                            "source": picture.source,
                            "codec": self._codec.name,
                            "codec_sha256": self._codec.weights_hash,
                            "level": level,
                            "bpp": coded.bpp,
                            **{k: v for k, v in asdict(finding).items() if k != "polygon"},
                            "polygon": np.round(finding.polygon, 1).tolist(),
                        }
                    )
                    del doubtful[index]
        regions = (*picture.regions, *picture.unjudged)
        verdicts = [verdict_of(found.get(i, {}), i in judged) for i in range(len(picture.regions))]
        verdicts += [Verdict(judged=False, findings={}, count=0)] * len(picture.unjudged)
        labels = draw_labels(
            picture.image.shape[:2],  # type: ignore[arg-type]
            regions,
            verdicts,
            picture.complete,
            np.stack(rates[::-1]),
        )
        return Labelled(labels, tuple(rows))
