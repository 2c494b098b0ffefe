"""What a reconstruction changed: found by itself or where the caller says, and nothing invented."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zxingcpp
from numpy.typing import NDArray
from PIL import Image

from riskmask.model.runtime.errors import AssetError
from riskmask.server.engine.decode import Limits
from riskmask.server.engine.errors import (
    AbandonedError,
    AnnotatorMissingError,
    CorruptImageError,
    ExpiredError,
    ImageTooLargeError,
    InvalidRegionError,
    SizeMismatchError,
    UnknownAnnotatorError,
)
from riskmask.server.engine.job import Job, Stage
from riskmask.server.engine.raw_image import PixelFormat, Plane, RawImage
from riskmask.server.verification.availability import ANNOTATORS, AnnotatorFiles
from riskmask.server.verification.parts import SIDE, parts
from riskmask.server.verification.values import (
    MeasuredFinding,
    Region,
    Verification,
    VerificationRequest,
)
from riskmask.server.verification.verifier import MOST_FINDINGS, Verifier, _Examination

pytestmark = pytest.mark.usefixtures("annotators_loaded")

Pixels = NDArray[np.uint8]
Sign = Callable[[str], Pixels]
PAPER = (228, 224, 214)
ICONS = {
    "arrows__up": '<path d="M12 2 21 13h-6v9H9v-9H3z"/>',
    "arrows__down": '<path d="M12 22 3 11h6V2h6v9h6z"/>',
    "arrows__left": '<path d="M2 12 13 3v6h9v6h-9v6z"/>',
}


def raw(pixels: Pixels) -> RawImage:
    height, width = pixels.shape[:2]
    return RawImage(PixelFormat.RGB8, width, height, (Plane(pixels.tobytes(), 0),), None, None, 0)


def box(x: int, y: int, width: int, height: int) -> tuple[tuple[int, int], ...]:
    return (x, y), (x + width, y), (x + width, y + height), (x, y + height)


@pytest.fixture(scope="module")
def icons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("icons")
    for name, drawing in ICONS.items():
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">{drawing}</svg>'
        (folder / f"{name}.svg").write_text(svg)
    return folder


@pytest.fixture(scope="module")
def verifier(icons: Path) -> Verifier:
    return Verifier(AnnotatorFiles(icons=icons), threads=1)


Verify = Callable[..., Verification]


@pytest.fixture
def verify(verifier: Verifier) -> Verify:
    """``verify(original, reconstruction, regions=..., annotators=...)`` of pixels."""

    def run(original: Pixels, reconstruction: Pixels, **options: Any) -> Verification:
        request = VerificationRequest(raw(original), raw(reconstruction), **options)
        return verifier.verify(request)

    return run


def test_a_digit_that_became_another_is_found_without_being_told_where(
    verify: Verify, sign: Sign
) -> None:
    answer = verify(sign("SPEED 60"), sign("SPEED 80"), annotators=("text",))
    [finding] = answer.findings
    assert finding.evidence == "'SPEED 60' → 'SPEED 80'"
    assert (finding.annotator, finding.content, finding.kind) == ("text", "text", "shape")
    assert finding.high_impact
    [region] = answer.examined
    assert finding.region == 0
    assert region.judged
    assert finding.box == region.box
    x, y, width, height = finding.box
    assert x <= 28
    assert y <= 40 <= y + height
    assert x + width >= 190
    assert answer.annotators == ("text",)


def test_an_unchanged_copy_has_no_findings(verify: Verify, sign: Sign) -> None:
    answer = verify(sign("SPEED 60"), sign("SPEED 60"))
    assert answer.findings == ()
    assert [(region.content, region.judged) for region in answer.examined] == [("text", True)]
    assert set(answer.annotators) == set(ANNOTATORS) - {"face"}


def test_a_patch_of_another_colour_has_a_mask_of_its_place(verify: Verify) -> None:
    original = np.full((90, 150, 3), PAPER, np.uint8)
    changed = original.copy()
    changed[30:60, 41:90] = (200, 40, 40)
    findings = verify(original, changed).findings
    assert {finding.annotator for finding in findings} >= {"amplitude", "shape"}
    colour = next(finding for finding in findings if finding.annotator == "amplitude")
    x, y, width, height = colour.box
    assert (x % 4, y % 4) == (0, 0)
    with Image.open(io.BytesIO(colour.mask_png)) as mask:
        assert mask.size == (-(-width // 4), -(-height // 4))
        cells = np.array(mask)
    assert set(np.unique(cells)) <= {0, 255}
    assert cells[(44 - y) // 4, (64 - x) // 4] == 255
    severities = [finding.severity for finding in findings]
    assert severities == sorted(severities, reverse=True)


def test_a_barcode_that_says_something_else(verify: Verify) -> None:
    def poster(payload: str) -> Pixels:
        canvas = np.full((260, 260, 3), 255, np.uint8)
        barcode = zxingcpp.create_barcode(payload, zxingcpp.BarcodeFormat.QRCode)
        drawn = np.array(zxingcpp.write_barcode_to_image(barcode, scale=6))
        canvas[30 : 30 + drawn.shape[0], 40 : 40 + drawn.shape[1]] = drawn[..., None]
        return canvas

    original, changed = poster("TICKET-1"), poster("TICKET-7")
    [finding] = verify(original, changed, annotators=("symbol",)).findings
    assert finding.evidence == "barcode 'TICKET-1' → 'TICKET-7'"
    assert finding.high_impact
    at = Region("symbol", box(40, 30, 180, 180), transcription="TICKET-1")
    [same] = verify(original, changed, regions=(at,), annotators=("symbol",)).findings
    assert same.evidence == finding.evidence
    other = Region("symbol", box(40, 30, 180, 180), transcription="something else")
    answer = verify(original, changed, regions=(other,), annotators=("symbol",))
    assert answer.findings == ()
    assert not answer.examined[0].judged


def test_an_icon_that_became_another_of_its_family(verify: Verify, verifier: Verifier) -> None:
    def drawn(name: str) -> Pixels:
        with verifier._shelf.borrow() as loaded:
            coverage = loaded.bank.coverage("arrows", name, 40, 40)
        canvas = np.full((80, 96, 3), PAPER, np.float32)
        ink = np.array((25, 30, 40), np.float32)
        canvas[16:56, 20:60] += coverage[..., None] * (ink - canvas[16:56, 20:60])
        return canvas.round().astype(np.uint8)

    at = Region("symbol", box(20, 16, 40, 40), icon=("arrows", "up"))
    [finding] = verify(drawn("up"), drawn("down"), regions=(at,), annotators=("symbol",)).findings
    assert finding.evidence == "icon 'up' → looks like 'down'"
    assert finding.box == (20, 16, 40, 40)
    answer = verify(drawn("up"), drawn("up"), regions=(at,), annotators=("symbol",))
    assert answer.findings == ()
    assert answer.examined[0].judged


def test_known_regions_take_the_place_of_a_search(verify: Verify, sign: Sign) -> None:
    original, changed = sign("SPEED 60"), sign("SPEED 80")
    at = box(20, 20, 210, 50)
    for transcription, judged in (("SPEED 60", True), (None, True), ("SPEED 90", False)):
        region = Region("text", at, transcription)
        elsewhere = Region("text", box(280, 4, 30, 12))
        answer = verify(original, changed, regions=(elsewhere, region), annotators=("text",))
        assert [each.judged for each in answer.examined] == [False, judged]
        assert [finding.region for finding in answer.findings] == ([1] if judged else [])


@pytest.mark.parametrize(
    ("region", "said"),
    [
        (Region("text", box(300, 10, 30, 20)), r"known_regions\[0\]: reaches out of the image"),
        (Region("text", box(-1, 10, 30, 20)), "reaches out"),
        (Region("text", box(10, 10, 0, 20)), "has no area"),
        (Region("text", ((1, 1), (5, 5))), "has 2 corners"),
        (Region("text", box(10, 10, 30, 20), icon=("arrows", "up")), "an icon is a symbol"),
        (Region("symbol", box(10, 10, 30, 20), icon=("arrows", "no")), "does not hold"),
        (Region("symbol", box(10, 10, 30, 20), icon=("../arrows", "up")), "does not hold"),
        (Region("symbol", box(10, 10, 300, 20), icon=("arrows", "up")), "300x20 pixels"),
    ],
)
def test_a_region_that_cannot_be_is_named(
    verify: Verify, sign: Sign, region: Region, said: str
) -> None:
    with pytest.raises(InvalidRegionError, match=said):
        verify(sign("SPEED 60"), sign("SPEED 60"), regions=(region,))


def test_more_regions_than_are_taken_are_refused(verify: Verify, sign: Sign) -> None:
    region = Region("text", box(10, 10, 30, 20))
    with pytest.raises(InvalidRegionError, match="at most 1000"):
        verify(sign("A"), sign("A"), regions=(region,) * 1001)


def test_what_is_asked_for_and_not_there_is_said(verifier: Verifier, sign: Sign) -> None:
    image = raw(sign("SPEED 60"))
    with pytest.raises(UnknownAnnotatorError, match=r"'smell'; use some of amplitude, face"):
        verifier.verify(VerificationRequest(image, image, annotators=("smell",)))
    with pytest.raises(AnnotatorMissingError, match="annotator face: needs the option face_det"):
        verifier.verify(VerificationRequest(image, image, annotators=("text", "face")))
    assert "face_detector" in verifier.missing["face"]
    icon = Region("symbol", box(10, 10, 30, 20), icon=("arrows", "up"))
    with pytest.raises(AnnotatorMissingError, match="icons need the option icons"):
        Verifier().verify(VerificationRequest(image, image, (icon,)))


def test_both_images_are_decoded_by_the_same_rules(
    verifier: Verifier, sign: Sign, encode: Callable[..., bytes]
) -> None:
    picture = Image.fromarray(sign("SPEED 60"))
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encode(picture.rotate(90, expand=True), "PNG", exif=exif)
    answer = verifier.verify(
        VerificationRequest(encode(picture), turned, annotators=("amplitude",))
    )
    assert answer.findings == ()
    assert (answer.reconstruction.width, answer.reconstruction.height) == (320, 96)
    assert answer.reconstruction.notes
    with pytest.raises(SizeMismatchError, match="320x96 and the upright reconstruction 96x320"):
        verifier.verify(
            VerificationRequest(encode(picture), encode(picture.rotate(90, expand=True)))
        )
    with pytest.raises(CorruptImageError, match=r"^reconstruction: "):
        verifier.verify(VerificationRequest(encode(picture), encode(picture)[:200]))
    small = Verifier(limits=Limits(max_pixels=30_000))
    with pytest.raises(ImageTooLargeError, match=r"^original: .* at most 30000"):
        small.verify(VerificationRequest(encode(picture), encode(picture)))


SIZES = [(1, 1), (3, 5), (8, 8), (1, 5000), (5000, 1), (16, 2000), (20_000, 16)]


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_odd_sizes_are_answered(verify: Verify, size: tuple[int, int]) -> None:
    random = np.random.default_rng(0)
    one, other = (random.integers(0, 256, (*size, 3), np.uint8) for _ in range(2))
    width, height = size[1], size[0]
    for finding in verify(one, other).findings:
        x, y, across, down = finding.box
        assert 0 <= x < x + across <= width
        assert 0 <= y < y + down <= height
    assert verify(one, one).findings == ()


class Watched:
    """A real annotator that counts how often it was asked, and does something before it answers."""

    def __init__(self, inner: Any, before: Callable[[], None]) -> None:
        self.name, self.inner, self.before = inner.name, inner, before
        self.asked = 0

    def examine(self, original: Pixels, regions: Any) -> Any:
        self.asked += 1
        self.before()
        return self.inner.examine(original, regions)


@pytest.fixture
def watched(icons: Path) -> Callable[..., tuple[Verifier, Watched, Watched]]:
    """A verifier whose first annotator does something, and its first and its last annotator."""

    def make(before: Callable[[], None]) -> tuple[Verifier, Watched, Watched]:
        verifier = Verifier(AnnotatorFiles(icons=icons), threads=1)
        with verifier._shelf.borrow() as loaded:
            first = Watched(loaded.by_region["text"], before)
            last = Watched(loaded.everywhere["shape"], lambda: None)
            loaded.by_region = {**loaded.by_region, "text": first}
            loaded.everywhere = {**loaded.everywhere, "shape": last}
        return verifier, first, last

    return make


def test_a_cancelled_verification_stops_before_the_next_annotator(
    watched: Callable[..., tuple[Verifier, Watched, Watched]], sign: Sign
) -> None:
    job = Job()
    verifier, first, last = watched(job.abandon)
    image = raw(sign("SPEED 60"))
    with pytest.raises(AbandonedError):
        verifier.verify(VerificationRequest(image, image), job)
    assert (first.asked, last.asked) == (1, 0)
    assert Stage.CONCLUDE not in job.seconds
    # the set is back on its shelf, whole
    verifier.verify(VerificationRequest(image, image))
    assert (first.asked, last.asked) == (2, 1)


@pytest.mark.parametrize("allowed", [0.0, -5.0])
def test_an_expired_verification_never_starts(
    watched: Callable[..., tuple[Verifier, Watched, Watched]], sign: Sign, allowed: float
) -> None:
    verifier, first, _ = watched(lambda: None)
    job, image = Job(allowed), raw(sign("SPEED 60"))
    with pytest.raises(ExpiredError, match="allow more"):
        verifier.verify(VerificationRequest(image, image), job)
    assert first.asked == 0
    assert job.seconds == {}


def test_a_finished_job_knows_what_each_stage_took(verifier: Verifier, sign: Sign) -> None:
    job, image = Job(600.0), raw(sign("SPEED 60"))
    verifier.verify(VerificationRequest(image, image), job)
    assert set(job.seconds) == {Stage.DECODE, Stage.SEARCH, Stage.EXAMINE, Stage.CONCLUDE}
    assert all(seconds > 0 for seconds in job.seconds.values())


def test_the_server_knows_all_annotators_and_no_other() -> None:
    from riskmask.model import annotators

    assert set(ANNOTATORS) == set(annotators.ANNOTATORS)


def test_files_that_are_not_what_they_must_be_are_named(tmp_path: Path, icons: Path) -> None:
    wrong = tmp_path / "yunet.onnx"
    wrong.write_bytes(b"no model")
    with pytest.raises(AssetError, match=r"^face_detector: there is no such file"):
        Verifier(AnnotatorFiles(face_detector=tmp_path / "none.onnx")).warm()
    with pytest.raises(AssetError, match=r"^face_detector: not YuNet's"):
        Verifier(AnnotatorFiles(face_detector=wrong)).warm()
    with pytest.raises(AssetError, match=r"^icons: the folder holds no FAMILY__NAME\.svg"):
        Verifier(AnnotatorFiles(icons=tmp_path)).warm()
    (tmp_path / "a__b.svg").write_text("no drawing")
    with pytest.raises(AssetError, match=r"^icons: a__b\.svg cannot be drawn"):
        Verifier(AnnotatorFiles(icons=tmp_path)).warm()
    Verifier(AnnotatorFiles(icons=icons)).warm()


def test_of_too_many_findings_the_gravest_are_told() -> None:
    examination = _Examination((), 64, 64)
    kind: Any = "amplitude"
    severities = np.random.default_rng(3).permutation(MOST_FINDINGS + 1) / (MOST_FINDINGS + 1)
    corners = ((0, 0), (4, 0), (4, 4))
    examination._findings += [
        MeasuredFinding("shape", None, None, kind, False, float(each), "", (0, 0, 4, 4), corners)
        for each in severities
    ]
    told = [finding.severity for finding in examination.by_severity(["shape"])]
    assert len(told) == MOST_FINDINGS == 10_000
    assert told == sorted(severities, reverse=True)[:MOST_FINDINGS]


@pytest.mark.parametrize("size", [(1, 1), (1536, 1536), (1537, 40), (5000, 3001), (40, 9000)])
def test_parts_cover_the_picture_and_keep_to_the_grid(size: tuple[int, int]) -> None:
    owners = np.zeros((size[1], size[0]), np.uint8)
    for part in parts(*size):
        left, top, right, bottom = part.core
        owners[top:bottom, left:right] += 1
        assert max(right - left, bottom - top) <= SIDE
        assert part.seen[0] <= left
        assert part.seen[3] >= bottom
        assert part.seen[0] % 4 == part.seen[1] % 4 == 0
    assert (owners == 1).all()
    assert len(list(parts(*size))) == -(-size[0] // SIDE) * -(-size[1] // SIDE)


def test_a_change_where_two_parts_meet_is_told_once_and_in_its_place(verify: Verify) -> None:
    original = np.full((64, 2400, 3), PAPER, np.uint8)
    changed = original.copy()
    changed[20:44, 1180:1230] = (200, 40, 40)  # the parts meet at 1200
    changed[20:44, 2300:2340] = (40, 40, 200)
    [one, other] = verify(original, changed, annotators=("shape",)).findings
    for (x, y, width, height), left, right in (
        (min(one.box, other.box), 1180, 1230),
        (max(one.box, other.box), 2300, 2340),
    ):
        assert left - 8 <= x <= left
        assert right <= x + width <= right + 8
        assert y <= 20 < 44 <= y + height
        assert (x % 4, y % 4) == (0, 0)
