"""What a command does with the path that it is to write to, or to read from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest

from riskmask.client._outputs import write_atomically


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    target, link = tmp_path / "there" / "a.bin", tmp_path / "link.bin"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_atomically(link, lambda file: file.write(b"new"))
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.bin", "link.bin", "there"]


def test_a_pipe_is_written_into(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    came: list[bytes] = []
    reader = threading.Thread(target=lambda: came.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_atomically(pipe, lambda file: file.write(b"through"))
    reader.join(30)
    assert came == [b"through"]
    assert pipe.is_fifo()


def test_what_cannot_be_written_names_the_path_that_was_asked_for(tmp_path: Path) -> None:
    for path in (tmp_path / "none" / "a.bin", tmp_path):
        with pytest.raises(OSError, match=path.name) as caught:
            write_atomically(path, lambda file: file.write(b"x"))
        assert caught.value.filename == str(path)
    assert list(tmp_path.iterdir()) == []


def test_a_hint_goes_to_standard_output_and_what_is_said_beside_it(
    riskmask: Any, picture: Path
) -> None:
    done = riskmask("hints", picture, "--for", "ffmpeg-addroi", "-o", "/dev/stdout")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(("addroi=", "null"))
    assert "with hyperprior at" in done.stderr
    assert Path("/dev/stdout").is_symlink()


def test_standard_output_in_a_file_is_added_to(picture: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("before\n")
    with log.open("ab") as file:
        words = ["hints", str(picture), "--for", "jpeg", "-o", "/dev/stdout"]
        done = subprocess.run(
            [sys.executable, "-m", "riskmask.client", *words],
            stdout=file,
            stderr=subprocess.PIPE,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    first, rest = log.read_text().split("\n", 1)
    assert first == "before"
    assert json.loads(rest)["encoder"] == "jpeg"
    assert [path.name for path in tmp_path.iterdir() if path != picture] == ["log"]


def test_of_a_second_run_nothing_is_added_to_a_file_in_shared_memory() -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        path = Path(folder) / "a.bin"
        for _ in range(2):
            write_atomically(path, lambda file: file.write(b"x"))
        assert path.read_bytes() == b"x"


def test_a_link_that_leads_nowhere_is_told(riskmask: Any, picture: Path, tmp_path: Path) -> None:
    loop, far = tmp_path / "loop", tmp_path / "far"
    loop.symlink_to(loop)
    far.symlink_to(tmp_path / "none" / "a.bin")
    for link, said in ((loop, "a link that leads to itself"), (far, "there is no folder")):
        done = riskmask("hints", picture, "--for", "x264", "-o", link)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
        assert said in done.stderr


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--for", "x264", "-o", "."), ". is a folder"),
        (("--for", "kvazaar", "-o", "roi.txt"), "name roi.txt with .bin"),
    ],
)
def test_a_path_that_is_no_use_is_refused_before_anything_is_done(
    riskmask: Any, picture: Path, flags: tuple[object, ...], said: str
) -> None:
    done = riskmask("hints", picture, *flags)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert said in done.stderr


def test_a_folder_that_takes_no_file_is_told_by_the_name_that_was_asked_for(
    riskmask: Any, picture: Path
) -> None:
    done = riskmask("hints", picture, "--for", "x264", "-o", "/proc/a.bin")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert done.stderr.startswith("riskmask: /proc")
    assert ".part" not in done.stderr


def test_a_second_run_leaves_its_own_pictures_out(
    riskmask: Any, picture: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "scene.png").write_bytes(picture.read_bytes())
    for _ in range(2):
        done = riskmask("analyze", folder, "--out", folder, "--hint", "kvazaar")
        assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in folder.iterdir()) == [
        "scene.png",
        "scene.png.json",
        "scene.png.kvazaar.bin",
        "scene.png.overlay.png",
        "scene.png.risk.png",
    ]


@pytest.mark.parametrize(
    "command",
    [
        ("analyze", "PIPE", "--out", "OUT"),
        ("verify", "PICTURE", "PIPE", "--out", "OUT"),
        ("encode", "PIPE", "--for", "x264", "--bpp", "1", "-o", "OUT.mp4"),
    ],
)
def test_a_pipe_is_refused_where_the_image_is_needed_twice(
    picture: Path, tmp_path: Path, command: tuple[str, ...]
) -> None:
    named = {"PIPE": "/dev/stdin", "PICTURE": str(picture), "OUT": str(tmp_path / "out")}
    words = [named.get(word, word.replace("OUT", named["OUT"])) for word in command]
    done = subprocess.run(
        [sys.executable, "-m", "riskmask.client", *words],
        input=picture.read_bytes(),
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(b"riskmask: /dev/stdin: can be read only once")
    assert len(done.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("out*"))
