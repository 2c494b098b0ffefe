"""A client in another language, built from the contract alone, gets what the Python client gets."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from riskmask.client import Client

CHECKOUT = Path(__file__).parents[2]
SCRIPT = Path(__file__).parent / "node" / "client.cjs"
CONTRACT = CHECKOUT / "proto" / "riskmask" / "v1" / "riskmask.proto"
# git-ignored like every environment, and kept between runs
PACKAGES = CHECKOUT / ".venv-node"
WANTED = {"@grpc/grpc-js": "1.14.7", "@grpc/proto-loader": "0.8.1"}

pytestmark = pytest.mark.slow


def installed() -> dict[str, str]:
    found = {}
    for name in WANTED:
        manifest = PACKAGES / "node_modules" / name / "package.json"
        if manifest.is_file():
            found[name] = json.loads(manifest.read_text(encoding="utf-8"))["version"]
    return found


@pytest.fixture(scope="module")
def node() -> Callable[..., Any]:
    """Runs the script: ``node(address, original, reconstruction)``; what it printed."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if program is None or npm is None:
        pytest.skip("no node and npm: the contract is not tried from another language")
    if installed() != WANTED:
        PACKAGES.mkdir(exist_ok=True)
        packages = [f"{name}@{version}" for name, version in WANTED.items()]
        options = ["--prefix", str(PACKAGES), "--no-save", "--no-audit", "--no-fund", "--silent"]
        try:
            done = subprocess.run(
                [npm, "install", *options, *packages],
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            said = done.stderr[-300:]
        except subprocess.TimeoutExpired:
            said = "no answer within two minutes"
        if installed() != WANTED:
            pytest.skip(f"npm cannot install {', '.join(packages)}: {said}")

    def run(address: str, original: Path, reconstruction: Path) -> Any:
        health = SCRIPT.with_name("health.proto")
        words = (SCRIPT, address, CONTRACT, health, original, reconstruction)
        done = subprocess.run(
            [program, *map(str, words)],
            capture_output=True,
            text=True,
            timeout=300,
            env={**os.environ, "NODE_PATH": str(PACKAGES / "node_modules")},
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="module")
def pair(
    sign: Callable[[str], NDArray[np.uint8]],
    encode: Callable[..., bytes],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("pair")
    changed = sign("SPEED 80")
    changed[60:92, 270:310] = (255, 0, 0)
    original = sign("SPEED 60")
    original[0:16, 0:64] = (255, 0, 0)  # text, to the tiny detector
    changed[0:16, 0:64] = (255, 0, 0)
    paths = folder / "original.png", folder / "reconstruction.png"
    for path, pixels in zip(paths, (original, changed), strict=True):
        path.write_bytes(encode(pixels))
    return paths


@pytest.mark.parametrize("way", [0, 1], ids=["tcp", "unix"])
def test_every_method_answers_it(
    server: Any, node: Callable[..., Any], pair: tuple[Path, Path], way: int
) -> None:
    address = server.addresses[way]
    said = node(address, *pair)
    with Client(address, timeout=240) as client:
        info = client.server_info()
        analysis = client.analyze(pair[0], bpp=0.03, masks=["RISK"])
        verification = client.verify(*pair, annotators=["text", "amplitude"])

    assert said["health"] == "SERVING"
    assert said["version"] == info.version
    assert tuple(said["annotators"]) == info.annotators
    assert said["limit"] == info.limits.max_message_bytes

    one = said["analysis"]
    assert one["decision"] == f"DECISION_{analysis.decision}"
    assert (one["width"], one["sha256"]) == (analysis.image.width, analysis.image.sha256)
    assert len(one["regions"]) == len(analysis.regions) > 0
    for theirs, ours in zip(one["regions"], analysis.regions, strict=True):
        assert tuple(theirs["box"][name] for name in ("x", "y", "width", "height")) == ours.box
        assert theirs["risk"] == ours.risk
    [mask] = one["masks"]
    assert base64.b64decode(mask["png"]) == analysis.mask("RISK").png

    by_id = {answer["request_id"]: answer for answer in said["stream"]}
    assert set(by_id) == {"good", "bad", "good again"}
    assert by_id["good"]["analysis"] == by_id["good again"]["analysis"] == one
    assert by_id["bad"]["reason"] == "UNSUPPORTED_FORMAT"
    assert not by_id["bad"]["analysis"]

    assert [each["evidence"] for each in said["findings"]] == [
        finding.evidence for finding in verification.findings
    ]
    assert "'SPEED 60' → 'SPEED 80'" in [each["evidence"] for each in said["findings"]]
    for theirs, mine in zip(said["findings"], verification.findings, strict=True):
        assert theirs["kind"] == f"KIND_{mine.kind}"
        png = theirs["mask"] and base64.b64decode(theirs["mask"])
        assert (png or None) == (mine.mask.png if mine.mask else None)

    assert said["refused"]["code"] == 3  # INVALID_ARGUMENT
    assert said["refused"]["has_status"]
    assert said["missing"]["code"] == 9  # FAILED_PRECONDITION
    assert "face_detector" in said["missing"]["details"]
