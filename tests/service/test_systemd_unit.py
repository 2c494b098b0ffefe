"""The unit for systemd fits this server: its command, its options, the time that a stop takes."""

from __future__ import annotations

import configparser
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from riskmask.client import Client
from riskmask.server.settings import ServerSettings, load_settings
from riskmask.server.traces import FLUSH_SECONDS

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "systemd"
UNIT, OPTIONS = FOLDER / "riskmask.service", FOLDER / "riskmask.toml"


@pytest.fixture
def service() -> dict[str, str]:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # names keep their capitals
    parser.read(UNIT, encoding="utf-8")
    return dict(parser["Service"])


@pytest.fixture
def options_here(socket_folder: Path, tmp_path: Path) -> Path:
    """The file of options, with the test's own folder."""
    text = OPTIONS.read_text(encoding="utf-8").replace("/run/riskmask", str(socket_folder))
    path = tmp_path / "riskmask.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_stopping_server_has_the_time_that_it_takes(service: dict[str, str]) -> None:
    needed = load_settings(OPTIONS).drain_seconds + FLUSH_SECONDS
    assert int(service["TimeoutStopSec"]) >= needed + 10


def test_its_memory_suffices_for_what_may_wait(
    service: dict[str, str], memory_at_most: Callable[[ServerSettings], float]
) -> None:
    settings = load_settings(OPTIONS)
    assert service["MemoryMax"] == "2G"
    assert memory_at_most(settings) <= 2 * 1024**3
    assert settings.max_image_pixels <= 25_000_000


def test_the_socket_lies_in_the_folder_that_systemd_makes(service: dict[str, str]) -> None:
    (address,) = load_settings(OPTIONS).addresses
    assert address.path is not None
    assert address.path.parent == Path("/run") / service["RuntimeDirectory"]


def test_its_command_serves(
    service: dict[str, str], options_here: Path, start_server: Callable[..., Any], png: bytes
) -> None:
    program, command, flag, path = shlex.split(service["ExecStart"])
    assert (Path(program).name, command, flag) == ("riskmask", "serve", "--config")
    assert Path(path).name == OPTIONS.name
    with start_server(flag, str(options_here), "--metrics-port", "0") as running:
        assert "metrics on http://127.0.0.1:" in running.said
        with Client(running.addresses[0], timeout=60) as client:
            assert client.analyze(png).image.width == 160


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed (apt-get install systemd)")
    # it looks whether the program is there, so another one that is stands in for ours
    text = UNIT.read_text(encoding="utf-8").replace("/opt/riskmask/bin/riskmask", sys.executable)
    unit = tmp_path / UNIT.name
    unit.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning"},
    )
    said = [line for line in done.stderr.splitlines() if UNIT.name in line]
    assert (done.returncode, said) == (0, []), done.stderr
