"""What the container promises, read from the Dockerfile and tried out without an engine."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

# The folders of the image that its instructions name.
IMAGE_PATH = re.compile(r"(?<![\w.}/])/(?=(?:src|wheel|opt/riskmask|run/riskmask)\b)")


@dataclass
class Stage:
    """One FROM and what follows it: instruction names in capitals, flags apart from values."""

    base: str
    name: str
    instructions: list[tuple[str, dict[str, str], str]] = field(default_factory=list)

    def values(self, name: str) -> list[str]:
        return [value for instruction, _, value in self.instructions if instruction == name]

    @property
    def arguments(self) -> dict[str, str]:
        return dict(value.split("=", 1) for value in self.values("ARG"))

    @property
    def environment(self) -> dict[str, str]:
        pairs = (pair for value in self.values("ENV") for pair in value.split())
        return dict(pair.split("=", 1) for pair in pairs)


def parse(text: str) -> tuple[dict[str, str], list[Stage]]:
    """The arguments before the first stage, and the stages."""
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"\\\n\s*", "", text)
    arguments: dict[str, str] = {}
    stages: list[Stage] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, rest = line.split(maxsplit=1)
        flags: dict[str, str] = {}
        while flag := re.match(r"--([\w-]+)=(\S+)\s+", rest):
            flags[flag[1]] = flag[2]
            rest = rest[flag.end() :]
        if name == "FROM":
            base, _, stage = rest.partition(" AS ")
            stages.append(Stage(base, stage))
        elif stages:
            stages[-1].instructions.append((name, flags, rest))
        else:
            assert name == "ARG"
            arguments.update([rest.split("=", 1)])
    return arguments, stages


@pytest.fixture(scope="module")
def stages(checkout: Path) -> list[Stage]:
    return parse((checkout / "Dockerfile").read_text(encoding="utf-8"))[1]


def test_what_builds_is_not_what_serves(stages: list[Stage]) -> None:
    *build, serve = stages
    assert build
    assert not any("pip" in run for run in serve.values("RUN"))
    assert all(
        flags.get("from") in {stage.name for stage in build}
        for name, flags, _ in serve.instructions
        if name == "COPY"
    )


def test_the_base_image_can_be_chosen(checkout: Path, stages: list[Stage]) -> None:
    arguments, _ = parse((checkout / "Dockerfile").read_text(encoding="utf-8"))
    assert arguments["BASE"].startswith("python:3.")
    assert {stage.base for stage in stages} == {"${BASE}"}


def test_it_serves_as_a_numbered_user_other_than_root(stages: list[Stage]) -> None:
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", stages[-1].values("USER")[-1])


def test_it_writes_to_one_volume_only(stages: list[Stage]) -> None:
    serve = stages[-1]
    (volume,) = json.loads(serve.values("VOLUME")[0])
    assert serve.environment["PYTHONDONTWRITEBYTECODE"] == "1"
    assert serve.environment["HOME"] == volume
    assert serve.environment["RISKMASK_ADDRESS"].startswith(f"unix:{volume}/")


def test_nothing_is_fetched_by_add(stages: list[Stage]) -> None:
    assert not any(stage.values("ADD") for stage in stages)


def test_signals_reach_the_server(stages: list[Stage]) -> None:
    assert json.loads(stages[-1].values("ENTRYPOINT")[-1]) == ["riskmask", "serve"]


def test_it_runs_on_the_cpu_unless_told_otherwise(stages: list[Stage]) -> None:
    assert next(stage for stage in stages if stage.name == "install").arguments == {
        "EXTRA": "server"
    }


def test_whatever_is_copied_reaches_the_build(checkout: Path, stages: list[Stage]) -> None:
    ignored = (checkout / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sources = {
        source
        for stage in stages
        for name, flags, value in stage.instructions
        if name == "COPY" and "from" not in flags
        for source in value.split()[:-1]
    }
    assert "*" in ignored
    assert sources == {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert all((checkout / source).exists() for source in sources)


class Image:
    """The image's own folders under one root, made by the Dockerfile's own instructions."""

    def __init__(self, root: Path, checkout: Path, stages: list[Stage]) -> None:
        self.root = root
        self.checkout = checkout
        self.base = root / "base"
        subprocess.run([sys.executable, "-m", "venv", str(self.base)], check=True)
        for stage in stages[:-1]:
            self._build(stage)
        self.environment = {
            **self._inherited(),
            **{name: self.inside(value) for name, value in stages[-1].environment.items()},
        }
        self.environment["PATH"] = self.environment["PATH"].replace("$PATH", os.environ["PATH"])
        (root / "run" / "riskmask").mkdir(parents=True)

    def inside(self, text: str) -> str:
        return IMAGE_PATH.sub(f"{self.root}/", text)

    def _inherited(self) -> dict[str, str]:
        ours = ("PYTHON", "ORT_", "CI")  # what would hide a variable that the image must set
        keep = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        return {**keep, "PATH": f"{self.base / 'bin'}{os.pathsep}{os.environ['PATH']}"}

    def _build(self, stage: Stage) -> None:
        folder = self.root
        for name, flags, value in stage.instructions:
            if name == "WORKDIR":
                folder = Path(self.inside(value))
                folder.mkdir(parents=True)
            elif name == "COPY":
                self._copy(flags, value.split(), folder)
            elif name == "RUN":
                environment = self._inherited() | stage.arguments
                command = ["sh", "-c", self.inside(value)]
                subprocess.run(command, cwd=folder, env=environment, check=True)

    def _copy(self, flags: dict[str, str], paths: list[str], folder: Path) -> None:
        *sources, target = paths
        if "from" in flags:  # the stages share one root here
            assert sources == [target]
            return
        for source in sources:
            path = self.checkout / source
            destination = folder / self.inside(target)
            if path.is_dir():
                ignore = shutil.ignore_patterns("__pycache__")
                shutil.copytree(path, destination, ignore=ignore)
            elif target.endswith("/"):
                shutil.copy(path, destination / path.name)
            else:
                destination.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, destination)

    def installed(self) -> dict[Path, int]:
        """Every installed file with the time of its last change."""
        files = (self.root / "opt").rglob("*")
        return {path: path.stat().st_mtime_ns for path in files if path.is_file()}

    @contextmanager
    def serving(self, stage: Stage) -> Iterator[subprocess.Popen[bytes]]:
        command = json.loads(stage.values("ENTRYPOINT")[-1])
        program = shutil.which(command[0], path=self.environment["PATH"])
        assert program is not None
        log = self.root / "server.log"
        with (
            log.open("wb") as output,
            subprocess.Popen(
                [program, *command[1:]],
                cwd=self.root / "run" / "riskmask",
                env=self.environment,
                stdout=output,
                stderr=output,
            ) as server,
        ):
            try:
                yield server
            finally:
                server.kill()

    def becomes_healthy(self, stage: Stage, server: subprocess.Popen[bytes]) -> bool:
        check = stage.values("HEALTHCHECK")[-1].removeprefix("CMD ")
        deadline = time.monotonic() + 120
        while server.poll() is None and time.monotonic() < deadline:
            command = ["sh", "-c", self.inside(check)]
            if subprocess.run(command, env=self.environment, check=False).returncode == 0:
                return True
        return False


@pytest.fixture(scope="module")
def image(checkout: Path, stages: list[Stage], tmp_path_factory: pytest.TempPathFactory) -> Image:
    return Image(tmp_path_factory.mktemp("image"), checkout, stages)


@pytest.mark.slow
def test_the_installed_image_has_no_torch(image: Image) -> None:
    modules = {path.name for path in (image.root / "opt").glob("riskmask/lib/*/site-packages/*")}
    assert "onnxruntime" in modules
    assert "torch" not in modules


@pytest.mark.slow
def test_the_installed_image_serves_and_writes_only_to_its_volume(
    image: Image, stages: list[Stage]
) -> None:
    before = image.installed()
    with image.serving(stages[-1]) as server:
        healthy = image.becomes_healthy(stages[-1], server)
        assert healthy, (image.root / "server.log").read_text(encoding="utf-8")
        assert image.installed() == before
        written = [path.name for path in (image.root / "run" / "riskmask").iterdir()]
        assert written == ["riskmask.sock"]
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=60) == 0
