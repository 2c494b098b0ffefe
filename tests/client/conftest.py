"""An answer made by hand, and the command line in this process."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from riskmask.v1 import riskmask_pb2 as pb


def png_of(cells: np.ndarray) -> bytes:  # type: ignore[type-arg]
    buffer = io.BytesIO()
    Image.fromarray(cells).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def answer() -> pb.Analysis:
    """A 100x60 image with one region, everything set to something of its own."""
    cells = np.zeros((15, 25), np.uint8)
    cells[3:7, 5:15] = 200
    return pb.Analysis(
        decision=pb.DECISION_RAISE_RATE,
        reasons=[pb.Reason(code=pb.REASON_CODE_RISK_REGIONS, message="One region.")],
        image=pb.ImageFacts(width=100, height=60, sha256="ab" * 32, format="PNG", notes=["turned"]),
        target=pb.ResolvedTarget(codec="hyperprior", bpp=0.25, level=3.5),
        regions=[
            pb.Region(
                box=pb.Box(x=20, y=12, width=40, height=16),
                polygon=[pb.Point(x=20, y=12), pb.Point(x=60, y=12), pb.Point(x=60, y=28)],
                content=pb.ContentProbabilities(text=0.9, face=0.1, symbol=0.2),
                risk=0.8,
                kind=pb.KindProbabilities(amplitude=0.3, geometry=0.2, shape=0.7),
                high_impact=0.6,
                safe_level=5.0,
                safe_bpp=0.5,
                explanation=pb.Explanation(
                    content=pb.CONTENT_TEXT,
                    content_probability=0.9,
                    kind=pb.KIND_SHAPE,
                    kind_probability=0.7,
                    text_height=9.0,
                    safe_text_height=pb.SafeTextHeight(pixels=14.0, changed_share=0.25),
                ),
            ),
            pb.Region(
                box=pb.Box(x=0, y=40, width=8, height=8),
                polygon=[pb.Point(x=0, y=40), pb.Point(x=8, y=40), pb.Point(x=8, y=48)],
                risk=0.4,
            ),
        ],
        risk_area_fraction=0.1,
        damage=pb.PredictedDamage(
            uniform=pb.Damage(error_probability=0.9, pixels=640.0),
            hinted=pb.Damage(error_probability=0.5, pixels=320.0),
            jpeg=pb.Damage(pixels=20.0),
        ),
        policy=pb.Policy(
            threshold=0.25,
            content_weights=pb.ContentWeights(text=1.0, face=1.0, symbol=1.0, other=0.5),
            smallest_region=64,
            max_error_probability=0.125,
        ),
        jpeg=pb.JpegAdvice(quality=80, subsampling="4:2:0", estimated_bytes=1234, safe=True),
        hints=[
            pb.HintPayload(
                format="neural-quality",
                data=bytes(4),
                grid=pb.Grid(columns=7, rows=4, block=16),
                effectiveness=pb.EFFECTIVENESS_EFFECTIVE,
            )
        ],
        masks=[pb.Mask(type=pb.MASK_TYPE_RISK, png=png_of(cells), stride=4)],
        model=pb.ModelInfo(name="tiny", sha256="cd" * 32),
    )


Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def riskmask(detector_path: Path, profiles_folder: Path) -> Command:
    """The command line in a process of its own; ``local`` adds the tiny detector."""

    def run(*arguments: object, local: bool = True) -> subprocess.CompletedProcess[str]:
        model = ("--model", str(detector_path), "--profiles", str(profiles_folder))
        words = [str(argument) for argument in arguments]
        return subprocess.run(
            [sys.executable, "-m", "riskmask.client", *words, *(model if local else ())],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A red text and a blue symbol on grey, as a PNG of 160x96."""
    pixels = np.full((96, 160, 3), 128, np.uint8)
    pixels[16:40, 16:80] = (255, 0, 0)
    pixels[56:80, 24:48] = (0, 0, 255)
    path = tmp_path / "scene.png"
    Image.fromarray(pixels).save(path)
    return path
