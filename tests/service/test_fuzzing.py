"""The fuzzer damages files in many ways, repeats itself when asked, and notices what fails."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

FUZZ = Path(__file__).resolve().parents[1] / "fuzz"


def loaded(name: str) -> ModuleType:
    spec = spec_from_file_location(f"fuzz_{name}", FUZZ / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    made: dict[str, bytes] = loaded("seeds").seeds()
    return made


def test_there_are_seeds_of_every_format(files: dict[str, bytes]) -> None:
    suffixes = {name.rpartition(".")[2] for name in files}
    assert suffixes == {"jpg", "png", "webp", "avif", "tif", "gif"}


def test_an_image_of_a_run_is_always_the_same(files: dict[str, bytes]) -> None:
    mutant = loaded("mutations").mutant
    first = [mutant(7, number, files) for number in range(300)]
    assert first == [mutant(7, number, files) for number in range(300)]
    assert len({content for _, content in first}) > 200
    assert mutant(8, 0, files) != first[0]


def test_an_image_is_told_what_it_was_made_from(files: dict[str, bytes]) -> None:
    mutations = loaded("mutations")
    for number in range(50):
        name, _ = mutations.mutant(7, number, files)
        stem, _, suffix = mutations.origin(7, number, files).rpartition(".")
        assert name.startswith(f"7-{number}-{stem}-")
        assert name.endswith(suffix)


def test_chunks_of_a_png_keep_their_checksums(files: dict[str, bytes]) -> None:
    mutations = loaded("mutations")
    changed = 0
    for number in range(100):
        chance = mutations.Random(number)
        mutate = (mutations.png_chunks, mutations.dimensions)[number % 2]
        content = mutate(chance, files["rgb.png"])
        changed += content != files["rgb.png"]
        place = 8
        while place < len(content):
            end = place + 12 + int.from_bytes(content[place : place + 4], "big")
            stored = int.from_bytes(content[end - 4 : end], "big")
            assert stored == zlib.crc32(content[place + 4 : end - 4])
            place = end
    assert changed > 80


@contextmanager
def fuzzing(*flags: str, server: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, str(FUZZ), *flags, "--", *server],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process


@pytest.fixture
def small(detector_path: Path, profiles_folder: Path) -> tuple[str, ...]:
    """Options of a server with the tiny detector."""
    return ("--model", str(detector_path), "--profiles", str(profiles_folder))


@pytest.mark.slow
@pytest.mark.parametrize("apart", [(), ("--decode-processes", "1")], ids=["here", "apart"])
def test_damaged_images_neither_end_the_server_nor_make_it_fail(
    apart: tuple[str, ...], small: tuple[str, ...], tmp_path: Path
) -> None:
    flags = ("--count", "150", "--out", str(tmp_path / "failed"))
    with fuzzing(*flags, server=(*small, *apart)) as process:
        said, errors = process.communicate(timeout=400)
    assert process.returncode == 0, errors
    assert "seed " in said
    assert "150 images: " in said
    assert re.search(
        r"sent by Analyze: \d{2,}; AnalyzeStream: \d{2,}; Verify, as the original: [1-9]; "
        r"Verify, as the reconstruction: [1-9]\n",
        said,
    )
    assert not (tmp_path / "failed").exists()


@pytest.mark.slow
def test_a_server_that_grows_is_a_failure(small: tuple[str, ...], tmp_path: Path) -> None:
    flags = ("--count", "1", "--most-growth", "-1000", "--out", str(tmp_path))
    with fuzzing(*flags, server=small) as process:
        _, errors = process.communicate(timeout=200)
    assert process.returncode == 1
    assert "memory grew by" in errors


@pytest.mark.slow
def test_a_server_that_dies_is_a_failure_and_the_image_is_saved(
    small: tuple[str, ...], tmp_path: Path, children_of: Callable[[int], list[int]]
) -> None:
    flags = ("--count", "100000", "--seed", "5", "--out", str(tmp_path))
    with fuzzing(*flags, server=small) as process:
        assert process.stdout is not None
        process.stdout.readline()
        end = time.monotonic() + 120
        while not (server := children_of(process.pid)):
            assert time.monotonic() < end
            time.sleep(0.05)
        # it says on standard output when all undamaged images have been answered
        assert process.stdout.readline() == "the undamaged images are answered\n"
        os.kill(server[0], signal.SIGKILL)
        _, errors = process.communicate(timeout=200)
    assert process.returncode == 1
    assert "the server has left with status -9" in errors
    saved = [each for each in tmp_path.iterdir() if each.name != "server.log"]
    assert len(saved) == 1
    assert saved[0].name.startswith("5-")
    assert (tmp_path / "server.log").exists()
