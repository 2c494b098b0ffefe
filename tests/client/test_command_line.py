"""``riskmask analyze``: what it prints, writes and refuses."""

from __future__ import annotations

import json
import re
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from riskmask.client import Client


def test_it_prints_decision_reasons_and_regions(riskmask: Any, picture: Path) -> None:
    done = riskmask("analyze", picture, "--bpp", 0.03)
    assert done.returncode == 0, done.stderr
    assert "scene.png  FALLBACK_JPEG" in done.stdout
    assert "RISK_REGIONS: " in done.stdout
    assert "16, 16, 64, 24" in done.stdout
    assert "symbol" in done.stdout
    assert done.stderr == ""


def test_it_says_how_likely_an_error_is_and_what_is_accepted(riskmask: Any, picture: Path) -> None:
    done = riskmask("analyze", picture, "--bpp", 0.03)
    [line] = [line for line in done.stdout.splitlines() if line.startswith("  an error: ")]
    assert re.fullmatch(
        r"  an error: \d+\.\d% as asked, \d+\.\d% with hints, \d+\.\d% as the JPEG", line
    ), line
    assert "of which the policy accepts less than 0.1" in done.stdout
    done = riskmask("analyze", picture, "--bpp", 0.03, "--max-error-probability", 0.7)
    assert "of which the policy accepts less than 0.7" in done.stdout
    refused = riskmask("analyze", picture, "--max-error-probability", 0)
    assert refused.returncode == 2
    assert "max_error_probability must lie in (0, 1]" in refused.stdout + refused.stderr


def test_a_policy_is_named_and_overridden(riskmask: Any, picture: Path, tmp_path: Path) -> None:
    def policy(*flags: object) -> dict[str, Any]:
        done = riskmask("analyze", picture, "--bpp", 0.03, "--out", tmp_path, *flags)
        assert done.returncode == 0, done.stderr
        content = json.loads((tmp_path / "scene.png.json").read_text())
        return dict(content["policy"])

    assert policy() == policy("--policy", "balanced")
    assert policy()["threshold"] == 0.3
    thumbnail = policy("--policy", "thumbnail")
    assert thumbnail["threshold"] == 0.5
    assert thumbnail["content_weights"]["text"] == 0.6
    assert thumbnail["smallest_region"] == 256
    laxer = policy("--policy", "thumbnail", "--threshold", 0.6)
    assert laxer == {**thumbnail, "threshold": 0.6}


def test_it_writes_three_files_for_each_image(
    riskmask: Any, picture: Path, tmp_path: Path, detector_path: Path, profiles_folder: Path
) -> None:
    odd = tmp_path / "odd.jpg"
    Image.new("RGB", (37, 21), "red").save(odd)
    out = tmp_path / "new" / "folder"
    done = riskmask("analyze", picture, odd, "--bpp", 0.03, "--out", out)
    assert done.returncode == 0, done.stderr
    assert sorted(file.name for file in out.iterdir()) == [
        f"{name}.{kind}"
        for name in ("odd.jpg", "scene.png")
        for kind in ("json", "overlay.png", "risk.png")
    ]
    assert "2/2" in done.stderr
    with Client.local(model=detector_path, profiles=profiles_folder) as client:
        expected = client.analyze(picture, bpp=0.03, masks=["RISK"])
    assert json.loads((out / "scene.png.json").read_text()) == expected.to_dict()
    with Image.open(out / "scene.png.risk.png") as risk:
        assert (risk.mode, risk.size) == ("L", (160, 96))
        values = np.asarray(risk)
    assert values[66, 36] > 250
    assert 100 < values[28, 48] < 250
    assert values[90, 150] == 0
    with Image.open(out / "odd.jpg.risk.png") as risk:
        assert risk.size == (37, 21)
    with Image.open(out / "odd.jpg.overlay.png") as overlay:
        assert overlay.mode == "RGB"
        assert overlay.width >= 960


def test_risk_fades_as_the_rate_grows(riskmask: Any, picture: Path, tmp_path: Path) -> None:
    totals = []
    for bpp in (0.02, 0.06, 0.4):
        out = tmp_path / str(bpp)
        assert riskmask("analyze", picture, "--bpp", bpp, "--out", out).returncode == 0
        with Image.open(out / "scene.png.risk.png") as risk:
            totals.append(int(np.asarray(risk).sum()))
    assert totals[0] > totals[1] > totals[2] > 0


def test_the_risk_picture_is_upright(riskmask: Any, picture: Path, tmp_path: Path) -> None:
    turned = tmp_path / "turned.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(picture) as image:
        image.save(turned, exif=exif)
    assert riskmask("analyze", turned, "--out", tmp_path / "out").returncode == 0
    with Image.open(tmp_path / "out" / "turned.jpg.risk.png") as risk:
        assert risk.size == (96, 160)


def test_unusual_pictures_get_their_files_too(riskmask: Any, tmp_path: Path) -> None:
    red = Image.new("RGB", (24, 16), "red")
    translucent = Image.new("RGBA", (24, 16), (255, 0, 0, 128))
    palette = Image.new("P", (24, 16), 1)
    palette.putpalette([9, 9, 9, 200, 0, 0])
    folder = tmp_path / "unusual"
    folder.mkdir()
    red.convert("CMYK").save(folder / "cmyk.jpg")
    translucent.save(folder / "alpha.png")
    palette.save(folder / "palette.png", transparency=bytes([255, 102]))
    Image.fromarray(np.full((16, 24), 40_000, np.uint16)).save(folder / "sixteen.png")
    red.save(folder / "animated.gif", save_all=True, append_images=[red.rotate(180)])
    sizes = {"dot.png": (1, 1), "tall.png": (1, 20_000), "wide.png": (20_000, 1)}
    for name, size in sizes.items():
        Image.new("RGB", size, "red").save(folder / name)
    out = tmp_path / "out"
    done = riskmask("analyze", folder, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert len(list(out.iterdir())) == 3 * 8
    for image in folder.iterdir():
        facts = json.loads((out / f"{image.name}.json").read_text())["image"]
        with Image.open(out / f"{image.name}.risk.png") as risk:
            assert risk.size == (facts["width"], facts["height"]) == sizes.get(image.name, (24, 16))


def test_a_folder_is_its_images_sorted(riskmask: Any, picture: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("b.PNG", "a.png", ".hidden.png", "notes.txt"):
        (folder / name).write_bytes(picture.read_bytes())
    (folder / "below").mkdir()
    done = riskmask("analyze", folder, picture)
    heads = [line.split()[0] for line in done.stdout.splitlines() if line[:1].strip()]
    assert heads == ["a.png", "b.PNG", "scene.png"]


def test_a_bad_image_costs_one_line_and_the_run_goes_on(
    riskmask: Any, picture: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad\nname.png"
    bad.write_bytes(b"no image")
    done = riskmask("analyze", bad, tmp_path / "absent.png", picture, "--out", tmp_path / "out")
    assert done.returncode == 2
    errors = [line for line in done.stderr.splitlines() if line.startswith("riskmask: ")]
    assert len(errors) == 2
    assert "not an image" in errors[0]
    assert "No such file" in errors[1]
    assert (tmp_path / "out" / "scene.png.json").exists()
    assert len(list((tmp_path / "out").iterdir())) == 3


def test_two_images_of_one_name_are_refused_before_anything_is_written(
    riskmask: Any, picture: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / picture.name).write_bytes(picture.read_bytes())
    done = riskmask("analyze", picture, other, "--out", tmp_path / "out")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "would write the same files" in done.stderr
    assert not (tmp_path / "out").exists()
    assert riskmask("analyze", picture, other).returncode == 0


def test_an_output_never_replaces_an_input(riskmask: Any, picture: Path, tmp_path: Path) -> None:
    precious = tmp_path / "scene.png.risk.png"
    precious.write_bytes(picture.read_bytes())
    done = riskmask("analyze", picture, precious, "--out", tmp_path)
    assert done.returncode == 2
    assert "is an input of this run" in done.stderr
    assert precious.read_bytes() == picture.read_bytes()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--bpp", 0.1, "--bytes", 100), "exclude one another"),
        (("--bytes", 100, "--quality", 3), "exclude one another"),
        (("--address", "127.0.0.1:1"), "without --address"),
    ],
)
def test_options_that_exclude_one_another(
    riskmask: Any, picture: Path, flags: tuple[object, ...], said: str
) -> None:
    done = riskmask("analyze", picture, *flags)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--codec", "nonesuch"), "no codec profile 'nonesuch'"),
        (("--bpp", -1), "bpp"),
        (("--bytes", 10**20), "out of range"),
        (("--threshold", 7), "threshold"),
        (("--policy", "nonesuch"), "one of archive, balanced, evidence, thumbnail"),
    ],
)
def test_a_wrong_value_is_one_line(
    riskmask: Any, picture: Path, flags: tuple[object, ...], said: str
) -> None:
    done = riskmask("analyze", picture, *flags)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def test_an_empty_folder_and_an_unusable_model_are_one_line(
    riskmask: Any, picture: Path, tmp_path: Path
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    done = riskmask("analyze", empty)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "no image files" in done.stderr
    done = riskmask("analyze", picture, "--model", picture, local=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "scene.png is not an ONNX model" in done.stderr


def test_a_server_that_is_not_there_ends_the_run_on_one_line(riskmask: Any, picture: Path) -> None:
    done = riskmask("analyze", picture, picture, "--address", "unix:/nonexistent", local=False)
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line.startswith("riskmask: ")]
    assert len(lines) == 1
    assert "no riskmask server answers at unix:/nonexistent" in lines[0]


def test_the_only_hint_names_the_codec(riskmask: Any, picture: Path, tmp_path: Path) -> None:
    for hints, codec in ((["x265"], "x265"), (["x265", "kvazaar"], "hyperprior")):
        flags = [word for name in hints for word in ("--hint", name)]
        done = riskmask("analyze", picture, *flags, "--out", tmp_path / "out")
        assert done.returncode == 0, done.stderr
        assert f"{codec} at" in done.stdout


def test_json_has_the_name_as_it_is(riskmask: Any, picture: Path) -> None:
    named = picture.rename(picture.with_name("a:100:[b] \t.png"))
    done = riskmask("analyze", named, "--json")
    assert json.loads(done.stdout)["file"] == str(named)


def test_json_for_programs_and_a_status_for_scripts(riskmask: Any, picture: Path) -> None:
    done = riskmask("analyze", picture, picture.with_name("gone.png"), "--json")
    assert done.returncode == 2, "the second one failed"
    [line] = done.stdout.splitlines()
    answer = json.loads(line)
    assert answer["file"] == str(picture)
    decision = answer["decision"]
    assert riskmask("analyze", picture, "--fail-on", decision).returncode == 1
    others = {"ENCODE", "ENCODE_WITH_HINTS", "RAISE_RATE", "FALLBACK_JPEG"} - {decision}
    flags = [word for other in others for word in ("--fail-on", other)]
    assert riskmask("analyze", picture, *flags).returncode == 0


def test_errors_speak_of_options(riskmask: Any, picture: Path) -> None:
    for flags, said in (
        (("--bytes", 0), "--bytes must be over 0"),
        (("--policy", "nonesuch"), "--policy: unknown"),
        (("--timeout", "nan"), "--timeout: nan, expected seconds"),
    ):
        assert said in riskmask("analyze", picture, *flags).stderr


def test_the_version_is_told(riskmask: Any) -> None:
    done = riskmask("--version", local=False)
    assert (done.returncode, done.stdout.strip()) == (0, metadata.version("riskmask"))


def test_info_says_what_answers(riskmask: Any) -> None:
    done = riskmask("info")
    assert done.returncode == 0, done.stderr
    for said in ("model: tiny", "codec hyperprior: ", "JPEG, PNG, WEBP", "hint neural-quality"):
        assert said in done.stdout
    assert "quality 1 to 51 (x264 constant rate factor, lower is finer), known from" in done.stdout
