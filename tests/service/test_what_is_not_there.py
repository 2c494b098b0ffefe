"""What a server was not installed with answers UNIMPLEMENTED and says what to install."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from riskmask.client import Client, NotSupported
from riskmask.v1 import riskmask_pb2 as pb
from riskmask.v1 import riskmask_pb2_grpc as pb_grpc

# the command line in an environment where these cannot be imported
WITHOUT = """
import sys
for module in {modules!r}:
    sys.modules[module] = None
from riskmask.client.cli import main
main()
"""


@pytest.fixture
def bare(detector_path: Path, profiles_folder: Path) -> Iterator[str]:
    """The address of a server without the annotators' packages."""
    script = WITHOUT.format(modules=("rapidocr", "skimage", "zxingcpp", "dlib", "resvg_py"))
    flags = ["--model", str(detector_path), "--profiles", str(profiles_folder)]
    command = [sys.executable, "-c", script, "serve", "--address", "127.0.0.1:0", *flags]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        yield said.removeprefix("listening on ").strip()
        process.terminate()
        process.communicate(timeout=30)


def test_verify_without_the_extra_says_what_to_install(bare: str, png: bytes) -> None:
    image = pb.Image(encoded=png)
    with grpc.insecure_channel(bare) as channel, pytest.raises(grpc.RpcError) as caught:
        pb_grpc.RiskServiceStub(channel).Verify(
            pb.VerifyRequest(original=image, reconstruction=image), timeout=60
        )
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    with Client(bare) as client:
        with pytest.raises(NotSupported, match=r"pip install 'riskmask\[verify\]'") as refused:
            client.verify(png, png, annotators=["geometry"])
        assert refused.value.reason == "VERIFY_UNIMPLEMENTED"
        assert "rapidocr, skimage, zxingcpp" in refused.value.message
        info = client.server_info()
        assert info.annotators == ()
        assert {missing.name for missing in info.missing_annotators} == {
            *("text", "symbol", "face", "amplitude", "geometry", "shape")
        }
        # and the rest works
        assert client.analyze(png).image.width == 160
