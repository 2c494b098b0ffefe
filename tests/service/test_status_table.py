"""Every failure has a row, and every row arrives at a client over a real socket."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

from riskmask.client import AsyncClient, RiskmaskError
from riskmask.client import _errors as client_errors
from riskmask.model.runtime import errors as runtime
from riskmask.server import errors as service
from riskmask.server.engine import errors as refused
from riskmask.server.engine.engine import Engine
from riskmask.server.engine.job import Job
from riskmask.server.engine.values import Analysis, AnalysisRequest
from riskmask.server.status import TABLE, grpc_code, to_status
from riskmask.v1 import riskmask_pb2 as pb

# What each code becomes at the caller; RESOURCE_EXHAUSTED depends on whether waiting helps.
RAISED = {
    grpc.StatusCode.INVALID_ARGUMENT: client_errors.InvalidRequest,
    grpc.StatusCode.UNIMPLEMENTED: client_errors.NotSupported,
    grpc.StatusCode.DEADLINE_EXCEEDED: client_errors.DeadlineExceeded,
    grpc.StatusCode.UNAUTHENTICATED: client_errors.NotAuthorized,
    grpc.StatusCode.CANCELLED: client_errors.ServiceUnavailable,
    grpc.StatusCode.UNAVAILABLE: client_errors.ServiceUnavailable,
    grpc.StatusCode.INTERNAL: client_errors.InternalError,
}


class FailingEngine(Engine):
    """Fails as told."""

    def __init__(self, engine: Engine, error: BaseException) -> None:
        vars(self).update(vars(engine))
        self.error = error

    def analyze(self, request: AnalysisRequest, job: Job | None = None) -> Analysis:
        raise self.error


def example(kind: type[BaseException]) -> BaseException:
    """An instance of the row's exception."""
    if kind is service.Unimplemented:
        return service.Unimplemented("UNIMPLEMENTED", "what it says")
    if kind is service.TooManyStreams:
        return service.TooManyStreams(3)
    if kind in (refused.UnknownCodecError, refused.UnknownHintFormatError):
        return kind("what it says", ["known"])
    return kind("what it says")


def descendants(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for child in kind.__subclasses__():
        yield from descendants(child)


@pytest.mark.parametrize("kind", TABLE, ids=lambda kind: kind.__name__)
async def test_a_row_reaches_the_client(
    kind: type[BaseException],
    engine: Engine,
    png: bytes,
    serving: Callable[..., Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    row = TABLE[kind]
    failing = FailingEngine(engine, example(kind))
    async with serving(failing) as (_, address), AsyncClient(address) as client:
        with pytest.raises(RiskmaskError) as caught:
            await client.analyze(png)
    error = caught.value
    assert error.reason == row.reason
    if row.code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        waiting_helps = error.retry_after is not None
        wanted = client_errors.Overloaded if waiting_helps else client_errors.LimitExceeded
        assert type(error) is wanted
    else:
        assert isinstance(error, RAISED[row.code])
    said = "3 streams" if kind is service.TooManyStreams else "what it says"
    assert (row.message or said) in error.message
    if row.code is grpc.StatusCode.INTERNAL:
        assert any(record.levelno == logging.ERROR for record in caplog.records)


@pytest.mark.parametrize("root", [refused.EngineError, service.ServiceError, runtime.AssetError])
def test_every_failure_has_a_row_of_its_own_or_of_a_named_ancestor(root: type[Exception]) -> None:
    for kind in descendants(root):
        owner = next(ancestor for ancestor in kind.__mro__ if ancestor in TABLE)
        if root is runtime.AssetError:
            assert issubclass(owner, runtime.AssetError)
        elif kind is not service.ServiceError:
            assert owner is kind, f"{kind.__name__} falls back to {owner.__name__}"
            assert getattr(kind, "reason", TABLE[kind].reason) == TABLE[kind].reason


def test_reasons_tell_rows_apart() -> None:
    reasons = [row.reason for row in TABLE.values()]
    assert len(set(reasons)) == len(reasons)


def test_a_failure_nobody_foresaw_tells_nothing_of_the_inside() -> None:
    status = to_status(ZeroDivisionError("/secret/path.py"))
    assert grpc_code(status) is grpc.StatusCode.INTERNAL
    assert "secret" not in status.message
    assert status.reason == "INTERNAL"


def test_a_retry_delay_travels_with_the_status() -> None:
    status = to_status(service.QueueFull("full", 2.5))
    assert status.retry_delay.ToTimedelta().total_seconds() == 2.5
    error = client_errors.from_status(pb.Status.FromString(status.SerializeToString()))
    assert isinstance(error, client_errors.Overloaded)
    assert error.retry_after == 2.5
