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
