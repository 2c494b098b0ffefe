"""The differential verdict: did a classic codec at equal bytes get it right?

Tsereh et al. (arXiv 2411.06810) hold a neural codec's error against it where JPEG at the same size
does not make it. Here the annotator that made the finding judges the classic codec's picture too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from riskmask.model.annotators.base import Finding
from riskmask.model.data.label_rows import ClassicVerdict
from riskmask.model.data.planes import cells_of
from riskmask.model.label.subject import Subject

Verdicts = tuple[ClassicVerdict, ...]


def region_verdicts(
    subject: Subject, changed: Mapping[int, tuple[str, float]]
) -> dict[int, Verdicts]:
    """A verdict of every classic codec on every changed region.

    Args:
        subject: the picture.
        changed: by region, the annotator that found it and the bpp of the neural stream.
    """
    verdicts: dict[int, Verdicts] = dict.fromkeys(changed, ())
    for bpp in sorted({bpp for _, bpp in changed.values()}):
        alike = {index: name for index, (name, other) in changed.items() if other == bpp}
        for codec, rung in subject.partners(bpp):
            if rung is None:
                for index in alike:
                    verdicts[index] += (ClassicVerdict(codec, None, None, None),)
                continue
            image = subject.ladders[codec].reconstruct(rung)
            wrong: set[int] = set()
            for name, examination in subject.regional.items():
                asked = [index for index, judge in alike.items() if judge == name]
                if asked:
                    wrong |= examination.judge(image, asked).keys()
            rate = 8 * rung.size / subject.pixels
            for index in alike:
                right = index not in wrong
                verdicts[index] += (ClassicVerdict(codec, rung.quality, rate, right),)
    return verdicts


def area_verdicts(
    subject: Subject, annotator: str, bpp: float, findings: Sequence[Finding]
) -> list[Verdicts]:
    """The same of findings without a region: wrong where a finding in the partner touches them."""
    if not findings:
        return []
    size = subject.picture.image.shape[0], subject.picture.image.shape[1]
    verdicts: list[Verdicts] = [()] * len(findings)
    for codec, rung in subject.partners(bpp):
        if rung is None:
            nothing = ClassicVerdict(codec, None, None, None)
            verdicts = [(*before, nothing) for before in verdicts]
            continue
        image = subject.ladders[codec].reconstruct(rung)
        theirs = [cells_of(f, size) for f in subject.examinations[annotator].find(image)]
        rate = 8 * rung.size / subject.pixels
        for number, finding in enumerate(findings):
            cells = cells_of(finding, size)
            right = not any((cells & other).any() for other in theirs)
            verdicts[number] += (ClassicVerdict(codec, rung.quality, rate, right),)
    return verdicts
