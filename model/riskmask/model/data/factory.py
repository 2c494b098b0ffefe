"""The label factory: picture x level -> reconstruction -> findings -> label map.

Levels are visited from the finest to the coarsest. What changed at a finer level counts as
changed at every coarser one, so a region is not looked at again once it has changed. A change
counts when the next coarser level changes the region too: a recogniser that stumbles once over a
nearly perfect picture would otherwise condemn all levels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from riskmask.model.annotators.base import Finding, RegionAnnotator
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

    def __init__(self, codec: Hyperprior, annotators: Sequence[RegionAnnotator]) -> None:
        self._codec = codec
        self._annotators = annotators

    def label(self, key: str, picture: Picture) -> Labelled:
        """Label one picture; ``key`` goes into the findings."""
        examinations = [a.examine(picture.image, picture.regions) for a in self._annotators]
        doubtful = {
            index: examination for examination in examinations for index in examination.judged
        }
        judged = set(doubtful)
        suspected: dict[int, tuple[int, float, Finding]] = {}  # what the level before said
        confirmed: dict[int, tuple[int, float, Finding]] = {}
        rates: list[NDArray[np.float16]] = []
        for level in reversed(range(ANCHORS)):
            if not doubtful:
                rates.append(self._codec.rate_map(picture.image, level).astype(np.float16))
                continue
            coded = self._codec.reconstruct(picture.image, level)
            rates.append(np.asarray(coded.rate_map, dtype=np.float16))
            found = {
                index: (level, coded.bpp, finding)
                for examination in examinations
                for index, finding in examination.judge(
                    coded.image, [i for i, e in doubtful.items() if e is examination]
                ).items()
            }
            for index in found.keys() & (suspected.keys() if level else found.keys()):
                confirmed[index] = suspected.get(index, found[index])
                del doubtful[index]
            suspected = found
        rows = [
            {
                "key": key,
                "image_sha256": hashlib.sha256(picture.image.tobytes()).hexdigest(),
                "source": picture.source,
                "codec": self._codec.name,
                "codec_sha256": self._codec.weights_hash,
                "level": level,
                "bpp": bpp,
                **{k: v for k, v in asdict(finding).items() if k not in ("polygon", "mask")},
                "polygon": np.round(finding.polygon, 1).tolist(),
            }
            for level, bpp, finding in confirmed.values()
        ]
        regions = (*picture.regions, *picture.unjudged)
        findings = {index: {level: finding} for index, (level, _, finding) in confirmed.items()}
        verdicts = [
            verdict_of(findings.get(i, {}), i in judged) for i in range(len(picture.regions))
        ]
        verdicts += [Verdict(judged=False, findings={}, count=0)] * len(picture.unjudged)
        labels = draw_labels(
            picture.image.shape[:2],  # type: ignore[arg-type]
            regions,
            verdicts,
            picture.complete,
            np.stack(rates[::-1]),
        )
        return Labelled(labels, tuple(rows))
