"""A profile for a user's codec: levels by its rates, risks by what it does to text."""

from __future__ import annotations

import io
import json
import platform
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from riskmask.model.annotators.recogniser import Recogniser
from riskmask.model.annotators.text import TextAnnotator
from riskmask.model.evaluate.probability import calibration_error, scaled
from riskmask.model.profiling.fit import FitError, fit
from riskmask.model.profiling.found_text import FoundText
from riskmask.model.profiling.lines import without_own_picture
from riskmask.model.profiling.measure import Measurement, Measuring
from riskmask.model.profiling.plugin import Plugin, PluginError
from riskmask.model.profiling.profile_file import Identity, report, write_profile
from riskmask.model.runs import RunError
from riskmask.model.runtime.errors import ProfileError
from riskmask.model.runtime.predictor import Predictor
from riskmask.model.runtime.profiles import packaged_profiles
from riskmask.model.runtime.weights import find_weights

Pixels = NDArray[np.uint8]
FONT = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
REFERENCE = np.geomspace(0.1, 1.6, 8)
IDENTITY = Identity("mine", "mine, version 3", "higher is finer", 0, 100, True, "two pictures")


def jpeg(image: Pixels, quality: float) -> tuple[Pixels, bytes]:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=round(quality), optimize=True)
    with Image.open(buffer) as opened:
        return np.array(opened), buffer.getvalue()


def _measurement(pictures: int = 20, slope: float = 0.5, intercept: float = -1.0) -> Measurement:
    """A codec that costs what the reference does, quality 10 x level, and changes less."""
    generator = np.random.default_rng(4)
    qualities = np.array([10.0, 30.0, 50.0, 65.0])
    scale = np.exp(generator.normal(0, 0.2, pictures))[:, None]
    scale /= np.exp(np.log(scale).mean())
    own = np.exp(np.interp(qualities / 10, np.arange(8), np.log(REFERENCE)))
    picture, quality, _ = (axis.ravel() for axis in np.mgrid[0:pictures, 0 : len(qualities), 0:8])
    coarsest = generator.uniform(0.02, 0.98, len(picture))
    risk = coarsest[:, None] * np.linspace(1, 0.3, 8)
    level = qualities[quality] / 10
    at_level = coarsest * np.interp(level, np.arange(8), np.linspace(1, 0.3, 8))
    changed = generator.random(len(picture)) < scaled(at_level, slope, intercept)
    peak = generator.uniform(0.02, 0.98, (pictures, 1)) * np.linspace(1, 0.3, 8)
    return Measurement(
        qualities, own * scale, REFERENCE * scale, picture, quality, risk, changed, changed, peak
    )


def _with_errors(measured: Measurement, slope: float, intercept: float) -> Measurement:
    """Text becomes another one where a line says so of the peak, all of a picture's or none."""
    level = measured.qualities / 10
    calibrated = scaled(measured.peak, 0.5, -1.0)
    peak = np.array([np.interp(level, np.arange(8), row) for row in calibrated])
    drawn = np.random.default_rng(6).random((len(peak), 1))
    wrong = drawn < scaled(peak, slope, intercept)
    return replace(measured, grave=wrong[measured.picture, measured.quality])


def test_levels_are_where_the_mean_log_rates_agree() -> None:
    fitted = fit(_measurement())
    assert [quality for _, quality in fitted.anchors] == [10, 30, 50, 65]
    assert [level for level, _ in fitted.anchors] == pytest.approx([1, 3, 5, 6.5], abs=1e-6)
    assert fitted.rate_error == pytest.approx(0, abs=0.01)


def test_a_codec_whose_finer_qualities_are_smaller_is_fitted_too() -> None:
    measured = _measurement()
    fitted = fit(replace(measured, qualities=100 - measured.qualities))
    assert fitted.anchors[0] == (pytest.approx(1), 90)
    assert [quality for _, quality in fitted.anchors] == [90, 70, 50, 35]


def test_rates_beyond_the_models_end_at_its_outermost_levels() -> None:
    measured = _measurement()
    wide = np.array([0.02, 0.2, 0.8, 5.0])
    fitted = fit(replace(measured, bpp=measured.bpp / measured.bpp.mean(axis=0) * wide))
    assert fitted.anchors[0][0] == 0
    assert fitted.anchors[-1][0] == 7
    assert 10 < fitted.anchors[0][1] < 30
    assert 50 < fitted.anchors[-1][1] < 65
    # What they change has no level, and counts for no risk.
    outside = np.isin(measured.quality, (0, 3))
    everything = replace(measured, bpp=measured.bpp / measured.bpp.mean(axis=0) * wide)
    changed = np.where(outside, True, measured.changed)
    again = fit(replace(everything, changed=changed))
    assert (again.slope, again.intercept) == (fitted.slope, fitted.intercept)
    assert again.verdicts == (~outside).sum()


def test_the_line_that_made_the_verdicts_is_found_again() -> None:
    fitted = fit(_measurement(pictures=200))
    assert fitted.uncalibrated is None
    assert fitted.slope == pytest.approx(0.5, abs=0.1)
    assert fitted.intercept == pytest.approx(-1.0, abs=0.15)
    assert fitted.error[1] < 0.03 < fitted.error[0]
    assert fitted.skill[1] > fitted.skill[0]


def test_too_few_verdicts_leave_the_risks_as_they_are() -> None:
    fitted = fit(_measurement(pictures=1))
    assert fitted.uncalibrated is not None
    assert (fitted.slope, fitted.intercept) == (1, 0)
    assert "not calibrated" in report(fitted, 1)[1]
    assert np.isnan(fitted.error).all()


def test_how_likely_an_error_is_in_a_picture_is_found_again() -> None:
    fitted = fit(_with_errors(_measurement(pictures=600), slope=1.5, intercept=2.0)).errors
    assert fitted.reason is None
    # The peaks go through the fitted line of the risks, which is near the one that made them.
    assert fitted.line == pytest.approx((1.5, 2.0), abs=0.4)
    assert (fitted.verdicts, fitted.error < 0.04, fitted.skill > 0.02) == (2400, True, True)


def test_an_error_at_a_finer_quality_counts_at_every_coarser_one() -> None:
    measured = _measurement(pictures=40)
    finest = int(np.argmax(measured.qualities))
    one = replace(measured, grave=measured.quality == finest)
    assert fit(one).errors.errors == fit(one).errors.verdicts == 160
    coarsest = int(np.argmin(measured.qualities))
    other = replace(measured, grave=measured.quality == coarsest)
    assert (fit(other).errors.errors, fit(other).errors.verdicts) == (40, 160)


def test_a_profile_says_how_likely_an_error_is_where_that_was_measured(tmp_path: Path) -> None:
    measured = _with_errors(_measurement(pictures=600), slope=1.5, intercept=2.0)
    fitted = fit(measured)
    written = write_profile(fitted, IDENTITY, tmp_path / "mine.json")
    assert written.error_calibration is not None
    assert fitted.errors.line is not None
    assert written.error_calibration.slope == pytest.approx(fitted.errors.line[0], abs=1e-4)
    assert "errors: calibrated on 2400 verdicts" in "\n".join(report(fitted, 600))
    none = fit(replace(measured, grave=np.zeros_like(measured.grave)))
    assert write_profile(none, IDENTITY, tmp_path / "mine.json").error_calibration is None
    assert "is not known: 2400 verdicts" in report(none, 600)[-1]


def test_what_a_calibration_gains_is_told_of_the_risks_that_the_service_gives() -> None:
    """It calibrates the anchors, and is linear between them; where risks fall fast that differs."""
    measured = _measurement(pictures=200)
    steep = 1 / (1 + np.exp(2.0 * (np.arange(8) - 1 - 4 * measured.risk[:, :1])))
    dearer = measured.bpp * (REFERENCE[1] / REFERENCE[0]) ** 0.25  # levels 1.25, 3.25, 5.25, 6.75
    fitted = fit(replace(measured, bpp=dearer, risk=steep))
    levels = (measured.qualities / 10 + 0.25)[measured.quality]

    def at_level(anchors: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array(
            [np.interp(x, np.arange(8), row) for x, row in zip(levels, anchors, strict=True)]
        )

    of = at_level(steep), measured.changed, measured.picture
    served = without_own_picture(*of, lambda line: at_level(scaled(steep, *line)))
    assert fitted.error[1] == pytest.approx(calibration_error(served, measured.changed), rel=1e-6)
    otherwise = calibration_error(without_own_picture(*of), measured.changed)
    assert fitted.error[1] != pytest.approx(otherwise, rel=1e-3)


def test_a_verdict_is_calibrated_by_a_line_that_does_not_know_its_picture() -> None:
    generator = np.random.default_rng(1)
    picture = np.repeat(np.arange(10), 40)
    risk = generator.uniform(0.05, 0.95, len(picture))
    changed = generator.random(len(picture)) < risk
    before = without_own_picture(risk, changed, picture)
    own = picture % 5 == 3
    turned = np.where(own, ~changed, changed)
    np.testing.assert_array_equal(without_own_picture(risk, turned, picture)[own], before[own])
    assert (without_own_picture(risk, turned, picture)[~own] != before[~own]).all()


def test_a_picture_is_predicted_by_levels_that_the_others_gave() -> None:
    measured = _measurement()
    dearer = measured.bpp.copy()
    dearer[0] *= 1.5  # one picture of two costs more than the model says
    two = replace(measured, bpp=dearer[:2], predicted=measured.predicted[:2])
    assert fit(two).rate_error == pytest.approx((0.5 + 1 / 3) / 2, abs=0.1)
    one = replace(measured, bpp=measured.bpp[:1], predicted=measured.predicted[:1])
    assert np.isnan(fit(one).rate_error)
    assert "takes more pictures" in report(fit(one), 1)[0]


@pytest.mark.parametrize(
    ("bpp", "message"),
    [
        (np.array([0.2, 0.5, 0.4, 0.9]), "name qualities that lie further apart"),
        (np.array([3.0, 4.0, 5.0, 6.0]), "the model covers 0.100 to 1.600"),
    ],
)
def test_rates_that_carry_no_profile_are_refused(bpp: NDArray[np.float64], message: str) -> None:
    measured = _measurement()
    with pytest.raises(FitError, match=message):
        fit(replace(measured, bpp=np.tile(bpp, (len(measured.bpp), 1))))


def test_risks_that_fall_where_more_changes_keep_the_levels_alone() -> None:
    fitted = fit(_measurement(pictures=50, slope=-0.5, intercept=0.0))
    assert (fitted.slope, fitted.intercept) == (1, 0)
    assert len(fitted.anchors) == 4
    assert "do not rise with the model's risk" in report(fitted, 50)[1]


def test_a_profile_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    fitted = fit(_measurement(pictures=60))
    profile = write_profile(fitted, IDENTITY, tmp_path / "mine.json")
    assert packaged_profiles(tmp_path)["mine"] == profile
    assert profile.quality_of_level(3) == 30
    assert profile.risk_slope == (round(fitted.slope, 5),) * 8
    assert len(report(fitted, 60)) == 6
    tiny = replace(fitted, anchors=((0.0, 0.000123456), (7.0, 0.98765432)))
    small = replace(IDENTITY, minimum=0.000123456, maximum=0.98765432, name="lambda")
    assert write_profile(tiny, small, tmp_path / "small.json").anchors == tiny.anchors
    with pytest.raises(ProfileError, match="name must be lower case"):
        write_profile(fitted, replace(IDENTITY, name="My Codec"), tmp_path / "other.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine.json", "small.json"]


def test_a_plugin_s_file_is_not_taken_for_a_module_of_its_name(tmp_path: Path) -> None:
    for folder, size in (("one", 25), ("two", 50)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "platform.py").write_text(
            f"def code(image, quality):\n    return image, {size}\n", encoding="utf-8"
        )
    image = np.zeros((10, 20, 3), np.uint8)
    for folder, bpp in (("one", 1), ("two", 2)):
        name = f"{tmp_path / folder / 'platform.py'}:code"
        assert Plugin.load(name).run(image, 1).bpp == bpp
    assert sys.modules["platform"] is platform


def test_a_plugin_s_file_has_its_own_name_for_its_neighbours_and_its_processes(
    tmp_path: Path,
) -> None:
    (tmp_path / "counting.py").write_text(
        "import counting_tools\ncalls = []\n"
        "def code(image, quality):\n"
        "    calls.append(quality)\n    return image, counting_tools.calls() * 25\n",
        encoding="utf-8",
    )
    (tmp_path / "counting_tools.py").write_text(
        "def calls():\n    import counting\n    return len(counting.calls)\n", encoding="utf-8"
    )
    image = np.zeros((10, 20, 3), np.uint8)
    name = f"{tmp_path / 'counting.py'}:code"
    assert [Plugin.load(name).run(image, 1).bpp for _ in range(2)] == [1, 2]
    assert Plugin.load(name).code.__module__ == "counting"
    (tmp_path / "half_way.py").write_text("import nothing_of_that_name\n", encoding="utf-8")
    with pytest.raises(PluginError, match="importing"):
        Plugin.load(f"{tmp_path / 'half_way.py'}:code")
    assert "half_way" not in sys.modules


def test_plugins_come_from_files_and_modules(tmp_path: Path) -> None:
    file = tmp_path / "own_codec.py"
    file.write_text(
        "def same(image, quality):\n    return image, b'x' * int(quality)\n"
        "def length(image, quality):\n    return image, 50\n",
        encoding="utf-8",
    )
    image = np.zeros((10, 20, 3), np.uint8)
    assert Plugin.load(f"{file}:same").run(image, 25).bpp == 1
    assert Plugin.load(f"{file}:length").run(image, 1).bpp == 2
    assert Plugin.load("shutil:copy").code.__name__ == "copy"
    floats = memoryview(np.zeros(25, np.float32))
    assert Plugin("floats", lambda image, quality: (image, floats)).run(image, 1).bpp == 4
    number = np.int64(50)
    assert Plugin("number", lambda image, quality: (image, number)).run(image, 1).bpp == 2
    neighbour = tmp_path / "with_neighbour.py"
    neighbour.write_text(
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "import own_codec\n@dataclass\nclass Settings:\n    quality: float\n"
        "def code(image, quality):\n"
        "    return own_codec.length(image, Settings(quality).quality)\n",
        encoding="utf-8",
    )
    assert Plugin.load(f"{neighbour}:code").run(image, 1).bpp == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_colon", "MODULE:CALLABLE or FILE.py:CALLABLE"),
        ("no_such_module:code", "importing no_such_module failed: ModuleNotFoundError"),
        ("no/such/file.py:code", "there is no file"),
        ("json:no_such", "json has no callable no_such"),
        ("json:__doc__", "json has no callable __doc__"),
    ],
)
def test_what_is_no_plugin_is_said(name: str, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        Plugin.load(name)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (None, r"must return \(reconstruction, stream\)"),
        ((np.zeros((2, 2, 3), np.uint8), b"x"), r"uint8 of shape \(4, 4, 3\)"),
        ((np.zeros((4, 4, 3)), b"x"), "returned float64"),
        ((np.zeros((4, 4, 3), np.uint8), b""), "its length over 0"),
        ((np.zeros((4, 4, 3), np.uint8), 3.5), "its length over 0"),
        ((np.zeros((4, 4, 3), np.uint8), True), "its length over 0"),
    ],
)
def test_what_is_no_coded_picture_is_said(result: object, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        Plugin("mine", lambda image, quality: result).run(np.zeros((4, 4, 3), np.uint8), 1)


def test_a_codec_that_fails_or_writes_into_the_picture_is_named() -> None:
    def scribble(image: Pixels, quality: float) -> tuple[Pixels, bytes]:
        image[:] = 0
        return image, b"x"

    with pytest.raises(PluginError, match="mine failed at quality 7: ValueError"):
        Plugin("mine", scribble).run(np.ones((4, 4, 3), np.uint8), 7)


def _page(seed: int) -> Pixels:
    """Lines of 9 to 24 pixels on light paper."""
    generator = np.random.default_rng(seed)
    page = Image.new("RGB", (320, 256), (236, 232, 224))
    pen = ImageDraw.Draw(page)
    top = 8
    while top < 226:
        size = int(generator.integers(9, 24))
        words = " ".join(str(number) for number in generator.integers(1000, 99999, 3))
        grey = int(generator.integers(20, 120))
        font = ImageFont.truetype(str(FONT), size)
        pen.text((12, top), words, font=font, fill=(grey,) * 3)
        top += size + 10
    return np.array(page)


@pytest.mark.slow
def test_a_measurement_that_was_cut_off_goes_on(recogniser: Recogniser, tmp_path: Path) -> None:
    images = [_page(seed) for seed in range(3)]
    coded: list[float] = []

    def failing(image: Pixels, quality: float) -> tuple[Pixels, bytes]:
        coded.append(quality)
        if len(coded) == 4:
            raise MemoryError
        return jpeg(image, quality)

    def measuring(code: Any, qualities: Sequence[float] = (8, 40)) -> Measuring:
        predictor = Predictor(find_weights("detector").path)
        plugin = Plugin("tests:code", code)
        return Measuring(plugin, qualities, predictor, FoundText(), TextAnnotator(recogniser))

    with pytest.raises(PluginError):
        measuring(failing).measure(images, tmp_path)
    coded.clear()
    resumed = measuring(failing).measure(images[:2], tmp_path)
    assert coded == [8, 40]  # of the second picture; the first was measured
    coded.clear()
    complete = measuring(jpeg).measure(images, tmp_path)
    whole = measuring(jpeg).measure(images)
    for name, value in vars(whole).items():
        np.testing.assert_array_equal(getattr(complete, name), value)
    np.testing.assert_array_equal(resumed.bpp, whole.bpp[:2])
    assert len(whole.changed) > 20

    with pytest.raises(RunError, match="differs in qualities"):
        measuring(jpeg, (8, 50)).measure(images, tmp_path)


@pytest.mark.slow
def test_jpeg_as_a_plugin_gets_about_the_packaged_levels(
    recogniser: Recogniser, tmp_path: Path
) -> None:
    images = [_page(seed) for seed in range(6)]
    predictor = Predictor(find_weights("detector").path)
    measuring = Measuring(
        Plugin("tests:jpeg", jpeg),
        [4, 8, 16, 40, 80],
        predictor,
        FoundText(),
        TextAnnotator(recogniser),
    )
    measured = measuring.measure(images)
    assert measured.bpp.shape == (6, 5)
    assert (np.diff(measured.bpp, axis=1) > 0).all()
    assert len(measured.changed) == len(measured.risk) >= 5 * 6 * 5
    share = [measured.changed[measured.quality == column].mean() for column in range(5)]
    assert share[0] > 0.2 > share[-1]
    assert (np.diff(measured.risk, axis=1) <= 0).all()
    fitted = fit(measured)
    profile = write_profile(fitted, replace(IDENTITY, name="own-jpeg"), tmp_path / "own.json")
    packaged = packaged_profiles()["jpeg"]
    # Fitted on other pictures, pages of text, by predicted rates: alike within a level and a half.
    for quality in (8, 16, 40):
        assert profile.level_of_quality(quality) == pytest.approx(
            packaged.level_of_quality(quality), abs=1.5
        )
    assert json.loads((tmp_path / "own.json").read_text("utf-8"))["name"] == "own-jpeg"
