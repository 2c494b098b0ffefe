"""The whole way of a verification: decode both, find what is there, examine, conclude."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from riskmask.model.runtime.cpus import available_cpus
from riskmask.server.engine.any_image import Decode, decode_any, decode_here
from riskmask.server.engine.decode import DEFAULT_LIMITS, DecodedImage, Limits
from riskmask.server.engine.errors import EngineError, SizeMismatchError
from riskmask.server.engine.job import Job, Stage
from riskmask.server.engine.raw_image import RawImage
from riskmask.server.verification.annotator_set import AnnotatorSet, Shelf
from riskmask.server.verification.availability import (
    AnnotatorFiles,
    available,
    check_installed,
    choose,
    missing,
)
from riskmask.server.verification.findings import box_around, corners, measured, moved
from riskmask.server.verification.known_regions import check_regions, place_regions
from riskmask.server.verification.parts import Part, parts
from riskmask.server.verification.values import (
    ExaminedRegion,
    MeasuredFinding,
    Verification,
    VerificationRequest,
)

if TYPE_CHECKING:
    from riskmask.model.annotators import Finding, KnownRegion

MOST_FINDINGS: Final = 10_000
# Regions between two looks at whether the answer is still wanted. Faces are compared with one
# another, so they go together.
_STEPS: Final = {"text": 8, "symbol": 8, "face": 1000}
_LONGEST_LINE: Final = 100  # times its height; what is longer is a ruled line and not read


class Verifier:
    """Answers verifications; safe to call from many threads. Loads annotators when it is asked.

    Args:
        files: that do not come with the package.
        limits: on each image.
        threads: of the text recogniser within one verification; the cores this process may use
            unless given.
        decode: what decodes image files.

    Attributes:
        annotators: names of those that can run.
        missing: the others, and what each wants.
    """

    def __init__(
        self,
        files: AnnotatorFiles | None = None,
        limits: Limits = DEFAULT_LIMITS,
        threads: int | None = None,
        decode: Decode = decode_here,
    ) -> None:
        self._files = files or AnnotatorFiles()
        self._limits = limits
        self._decode_file = decode
        self.annotators = available(self._files)
        self.missing = missing(self._files)
        self._shelf = Shelf(self._files, threads or available_cpus())

    def warm(self) -> None:
        """Loads the annotators, where there are any.

        Raises:
            AssetError: a configured file cannot be used.
        """
        if self.annotators:
            with self._shelf.borrow():
                pass

    def verify(self, request: VerificationRequest, job: Job | None = None) -> Verification:
        """Answer one request.

        Args:
            request: the question.
            job: asked between two steps whether the answer is still wanted; learns how long each
                stage took.

        Raises:
            EngineError: the request cannot be answered, or its answer is no longer wanted.
            Unimplemented: no annotators are installed.
            AssetError: a configured file cannot be used.
        """
        job = job or Job()
        job.check()
        check_installed()
        names = choose(request.annotators, self._files)
        check_regions(request.regions, self._files)
        with job.stage(Stage.DECODE):
            original = self._decode(request.original, "original", job)
            job.check()
            reconstruction = self._decode(request.reconstruction, "reconstruction", job)
        _check_same_size(original, reconstruction)
        with self._shelf.borrow() as loaded:
            with job.stage(Stage.SEARCH):
                regions = place_regions(request.regions, original.pixels, loaded.bank) or list(
                    _search(loaded, original.pixels, names, job)
                )
            with job.stage(Stage.EXAMINE):
                pictures = original.pixels, reconstruction.pixels
                examination = _Examination(regions, original.facts.width, original.facts.height)
                examination.run(loaded, pictures, names, job)
        with job.stage(Stage.CONCLUDE):
            return Verification(
                findings=examination.by_severity(names),
                original=original.facts,
                reconstruction=reconstruction.facts,
                examined=examination.examined(),
                annotators=names,
            )

    def _decode(self, image: bytes | RawImage, field: str, job: Job) -> DecodedImage:
        try:
            return decode_any(image, self._limits, job, self._decode_file)
        except EngineError as error:
            raise type(error)(f"{field}: {error}") from error


class _Examination:
    """What is known so far of one pair of pictures."""

    def __init__(self, regions: Sequence[KnownRegion], width: int, height: int) -> None:
        self._regions = regions
        self._size = width, height
        self._judged: set[int] = set()
        self._findings: list[MeasuredFinding] = []

    def run(
        self,
        loaded: AnnotatorSet,
        pictures: tuple[NDArray[np.uint8], NDArray[np.uint8]],
        names: Sequence[str],
        job: Job,
    ) -> None:
        """One annotator after the other; leaves where the answer is no longer wanted."""
        original, reconstruction = pictures
        for name in names:
            job.check()
            if name in loaded.by_region:
                for part in self._parts(name):
                    job.check()
                    regions = [self._regions[index] for index in part]
                    examined = loaded.by_region[name].examine(original, regions)
                    self._judged.update(part[index] for index in examined.judged)
                    job.check()
                    self._add(name, examined.find(reconstruction), part)
            else:
                for each in parts(*self._size):
                    job.check()
                    left, top, right, bottom = each.seen
                    at = slice(top, bottom), slice(left, right)
                    everywhere = loaded.everywhere[name].examine(
                        np.ascontiguousarray(original[at]), ()
                    )
                    self._add_part(
                        name, everywhere.find(np.ascontiguousarray(reconstruction[at])), each
                    )

    def by_severity(self, names: Sequence[str]) -> tuple[MeasuredFinding, ...]:
        """All findings, the most severe first; at most 10,000."""
        order = {name: place for place, name in enumerate(names)}
        found = sorted(
            self._findings, key=lambda each: (-each.severity, order[each.annotator], each.box)
        )
        return tuple(found[:MOST_FINDINGS])

    def examined(self) -> tuple[ExaminedRegion, ...]:
        """Every region, and whether it was judged."""
        return tuple(
            ExaminedRegion(
                content=region.content,
                box=box_around(region.polygon, *self._size),
                polygon=corners(region.polygon, *self._size),
                judged=index in self._judged,
            )
            for index, region in enumerate(self._regions)
        )

    def _parts(self, content: str) -> Iterator[list[int]]:
        """Indices of the regions of a content, a few at a time."""
        indices = [
            index
            for index, region in enumerate(self._regions)
            if region.content == content and (content != "text" or _is_line(region))
        ]
        step = _STEPS[content]
        for start in range(0, len(indices), step):
            yield indices[start : start + step]

    def _add(self, name: str, found: Sequence[Finding], part: Sequence[int]) -> None:
        for finding in found:
            region = None if finding.region is None else part[finding.region]
            self._findings.append(measured(name, finding, region, *self._size))

    def _add_part(self, name: str, found: Sequence[Finding], part: Part) -> None:
        left, top, right, bottom = part.seen
        for finding in found:
            there = moved(measured(name, finding, None, right - left, bottom - top), left, top)
            if part.owns(there.box):
                self._findings.append(there)


def _search(
    loaded: AnnotatorSet, original: NDArray[np.uint8], names: Sequence[str], job: Job
) -> Iterator[KnownRegion]:
    for content, search in loaded.searches.items():
        if content in names:
            job.check()
            yield from search.find(original)


def _is_line(region: KnownRegion) -> bool:
    """Whether a reader could take it for a line: its picture grows with its length."""
    points = np.asarray(region.polygon)
    if len(points) == 4:
        sides = np.hypot(*(points[1] - points[0])), np.hypot(*(points[3] - points[0]))
    else:
        sides = tuple(np.ptp(points, axis=0))
    return bool(max(sides) <= _LONGEST_LINE * max(min(sides), 1.0))


def _check_same_size(original: DecodedImage, reconstruction: DecodedImage) -> None:
    one, other = original.facts, reconstruction.facts
    if (one.width, one.height) != (other.width, other.height):
        raise SizeMismatchError(
            f"the upright original is {one.width}x{one.height} and the upright reconstruction "
            f"{other.width}x{other.height}; decode the reconstruction to the original's size"
        )
