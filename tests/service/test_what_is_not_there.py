"""What this server does not do answers UNIMPLEMENTED and says what to do instead."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from riskmask.v1 import riskmask_pb2 as pb
from riskmask.v1 import riskmask_pb2_grpc as pb_grpc


def refused(failure: grpc.RpcError) -> pb.Status:
    metadata: Any = failure.trailing_metadata()
    return pb.Status.FromString(dict(metadata)["riskmask-status-bin"])


def test_raw_pixels_ask_for_an_encoded_image(server: Any) -> None:
    raw = pb.RawImage(
        pixel_format=pb.PIXEL_FORMAT_NV12,
        width=2,
        height=2,
        planes=[pb.Plane(data=bytes(4), stride=2), pb.Plane(data=bytes(2), stride=2)],
    )
    with grpc.insecure_channel(server.addresses[0]) as channel:
        stub = pb_grpc.RiskServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Analyze(pb.AnalyzeRequest(image=pb.Image(raw=raw)), timeout=10)
        assert not stub.GetServerInfo(pb.GetServerInfoRequest(), timeout=10).pixel_formats
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
    status = refused(caught.value)
    assert status.reason == "RAW_IMAGE_UNIMPLEMENTED"
    assert "`encoded`" in status.message


def test_verify_points_to_the_annotators(server: Any, png: bytes) -> None:
    image = pb.Image(encoded=png)
    with grpc.insecure_channel(server.addresses[0]) as channel:
        stub = pb_grpc.RiskServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.Verify(pb.VerifyRequest(original=image, reconstruction=image), timeout=10)
        assert not stub.GetServerInfo(pb.GetServerInfoRequest(), timeout=10).annotators
    status = refused(caught.value)
    assert status.code == grpc.StatusCode.UNIMPLEMENTED.value[0]
    assert status.reason == "VERIFY_UNIMPLEMENTED"
    assert "riskmask[verify]" in status.message
