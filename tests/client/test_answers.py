"""An answer becomes values, and values become JSON of a fixed shape."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from riskmask.client import (
    Analysis,
    AsyncClient,
    AsyncFakeTransport,
    Client,
    Decision,
    FakeTransport,
    InvalidRequest,
    LimitExceeded,
    MaskType,
    NotSupported,
    Options,
    Overloaded,
    RiskmaskError,
)
from riskmask.v1 import riskmask_pb2 as pb


@pytest.fixture
def analysis(answer: pb.Analysis) -> Analysis:
    with Client(transport=FakeTransport(lambda request: answer)) as client:
        return client.analyze(b"image")


def shape(value: Any) -> Any:
    """The value with its leaves replaced by the names of their types."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def test_the_json_has_this_shape(analysis: Analysis) -> None:
    assert shape(json.loads(analysis.to_json())) == {
        "decision": "str",
        "reasons": [{"code": "str", "message": "str"}],
        "image": {
            "width": "int",
            "height": "int",
            "sha256": "str",
            "format": "str",
            "notes": ["str"],
        },
        "target": {"codec": "str", "bpp": "float", "level": "float"},
        "regions": [
            {
                "box": ["int"],
                "polygon": [["int"]],
                "content": {"text": "float", "face": "float", "symbol": "float"},
                "risk": "float",
                "kind": {"amplitude": "float", "geometry": "float", "shape": "float"},
                "high_impact": "float",
                "safe_level": "float",
                "safe_bpp": "float",
                "explanation": {
                    "content": "str",
                    "content_probability": "float",
                    "kind": "str",
                    "kind_probability": "float",
                    "text_height": "float",
                    "safe_text_height": {"pixels": "float", "changed_share": "float"},
                    "sentence": "str",
                },
            }
        ],
        "risk_area_fraction": "float",
        "safe_bpp": "NoneType",
        "damage": {
            "uniform": {"error_probability": "float", "pixels": "float"},
            "hinted": {"error_probability": "float", "pixels": "float"},
            "safe": "NoneType",
            "jpeg": {"error_probability": "NoneType", "pixels": "float"},
        },
        "policy": {
            "threshold": "float",
            "content_weights": {
                "text": "float",
                "face": "float",
                "symbol": "float",
                "other": "float",
            },
            "smallest_region": "int",
            "max_error_probability": "float",
        },
        "jpeg": {
            "quality": "int",
            "subsampling": "str",
            "estimated_bytes": "int",
            "safe": "bool",
        },
        "hints": [
            {
                "format": "str",
                "bytes": "int",
                "columns": "int",
                "rows": "int",
                "block": "int",
                "effectiveness": "str",
            }
        ],
        "masks": [{"type": "str", "stride": "int"}],
        "model": {"name": "str", "sha256": "str"},
    }


def test_the_json_carries_the_values_and_enums_without_prefix(analysis: Analysis) -> None:
    content = json.loads(analysis.to_json())
    assert content["decision"] == "RAISE_RATE"
    assert content["reasons"][0]["code"] == "RISK_REGIONS"
    first, second = content["regions"]
    assert first["box"] == [20, 12, 40, 16]
    assert first["polygon"] == [[20, 12], [60, 12], [60, 28]]
    assert first["safe_bpp"] == 0.5
    assert second["safe_level"] is None
    assert second["safe_bpp"] is None
    assert content["hints"][0]["effectiveness"] == "EFFECTIVE"
    assert content["damage"]["hinted"] == {"error_probability": 0.5, "pixels": 320.0}
    assert content["policy"]["threshold"] == 0.25
    assert content["policy"]["content_weights"]["other"] == 0.5


def test_an_older_server_says_nothing_of_damage_and_policy(answer: pb.Analysis) -> None:
    older = pb.Analysis()
    older.CopyFrom(answer)
    older.ClearField("damage")
    older.ClearField("policy")
    with Client(transport=FakeTransport(lambda request: older)) as client:
        analysis = client.analyze(b"image")
    assert analysis.damage is None
    assert analysis.policy is None
    content = json.loads(analysis.to_json())
    assert content["damage"] is content["policy"] is None


def test_values_compare_and_masks_become_arrays(analysis: Analysis) -> None:
    assert analysis.decision is Decision.RAISE_RATE
    assert analysis.safe_bpp is None
    cells = analysis.mask(MaskType.RISK).to_array()
    assert cells.shape == (15, 25)
    assert cells[4, 6] == 200
    with pytest.raises(KeyError, match="masks="):
        analysis.mask("TEXT")


def test_the_request_says_what_was_asked(answer: pb.Analysis) -> None:
    fake = FakeTransport(lambda request: answer)
    with Client(transport=fake) as client:
        client.analyze(b"image")
        client.analyze(
            b"image",
            codec="jpeg",
            quality=80.0,
            masks=[MaskType.TEXT, "RISK"],
            hint_formats=["neural-quality"],
            preset="balanced",
            threshold=0.4,
            content_weights={"text": 0.5},
            smallest_region=10,
            max_error_probability=0.25,
            priority="batch",
        )
    plain, full = fake.requests
    assert plain.image.encoded == b"image"
    assert plain.target.WhichOneof("size") is None
    assert not plain.policy.HasField("threshold")
    assert not plain.policy.HasField("max_error_probability")
    assert full.target.quality == 80.0
    assert list(full.masks) == [pb.MASK_TYPE_TEXT, pb.MASK_TYPE_RISK]
    assert full.policy.threshold == 0.4
    assert full.policy.max_error_probability == 0.25
    assert full.policy.content_weights.HasField("text")
    assert not full.policy.content_weights.HasField("face")
    assert full.priority == pb.PRIORITY_BATCH


@pytest.mark.parametrize(
    "options",
    [
        {"bpp": 0.1, "size_bytes": 100},
        {"size_bytes": 100, "quality": 3.0},
        {"masks": ["NO_SUCH_MASK"]},
        {"content_weights": {"dog": 1.0}},
        {"priority": "urgent"},
        {"size_bytes": 2**63},
        {"smallest_region": 2**31},
        {"codec": "\udcff"},
    ],
)
def test_what_cannot_be_asked_is_refused_before_it_is_sent(
    answer: pb.Analysis, options: Options
) -> None:
    fake = FakeTransport(lambda request: answer)
    with Client(transport=fake) as client, pytest.raises(InvalidRequest):
        client.analyze(b"image", **options)
    assert fake.requests == []


@pytest.mark.parametrize("timeout", [0.0, -1.0, float("inf"), float("nan"), 1e300])
async def test_a_timeout_that_cannot_be_waited_for_is_refused(
    answer: pb.Analysis, timeout: float
) -> None:
    async def always(request: pb.AnalyzeRequest) -> pb.Analysis:
        return answer

    fake, other = FakeTransport(lambda request: answer), AsyncFakeTransport(always)
    wanted = r"timeout: .*, expected seconds over 0 and up to 86,400"
    for make in (
        lambda: Client(transport=fake, timeout=timeout),
        lambda: AsyncClient(transport=other, timeout=timeout),
        lambda: Client("127.0.0.1:1", timeout=timeout),
    ):
        with pytest.raises(InvalidRequest, match=wanted) as caught:
            make()
        assert caught.value.reason == "INVALID_TIMEOUT"
    with Client(transport=fake) as client:
        with pytest.raises(InvalidRequest, match=wanted):
            client.analyze(b"image", timeout=timeout)
        with pytest.raises(InvalidRequest, match=wanted):
            client.server_info(timeout=timeout)
    async with AsyncClient(transport=other) as asynchronous:
        with pytest.raises(InvalidRequest, match=wanted):
            await asynchronous.analyze(b"image", timeout=timeout)
        with pytest.raises(InvalidRequest, match=wanted):
            await asynchronous.server_info(timeout=timeout)
    assert fake.requests == other.requests == []


@pytest.mark.parametrize("image", ["photo.jpg", 1000, np.zeros((4, 4, 3), np.uint8)])
def test_what_is_no_image_is_a_type_error(answer: pb.Analysis, image: Any) -> None:
    with pytest.raises(TypeError, match=r"expected the bytes of an image file, its Path\(\.\.\.\)"):
        Client(transport=FakeTransport(lambda request: answer)).analyze(image)


def test_one_name_is_not_taken_for_several(answer: pb.Analysis) -> None:
    for options in ({"hint_formats": "x265"}, {"masks": "RISK"}):
        with pytest.raises(InvalidRequest, match=r"several names, as \['"):
            Client(transport=FakeTransport(lambda request: answer)).analyze(b"x", **options)  # type: ignore[arg-type]


def test_an_option_that_does_not_exist_is_a_type_error(answer: pb.Analysis) -> None:
    with (
        Client(transport=FakeTransport(lambda request: answer)) as client,
        pytest.raises(TypeError, match="qualty"),
    ):
        client.analyze(b"image", qualty=3)  # type: ignore[call-arg]


def test_an_answer_newer_than_the_client_is_refused_or_kept(answer: pb.Analysis) -> None:
    answer.reasons[0].code = 99  # type: ignore[assignment]
    with Client(transport=FakeTransport(lambda request: answer)) as client:
        assert client.analyze(b"image").reasons[0].code == "CODE_99"
        answer.decision = 99  # type: ignore[assignment]
        with pytest.raises(NotSupported, match="upgrade"):
            client.analyze(b"image")


async def test_the_async_client_has_a_fake_of_its_own(
    answer: pb.Analysis, analysis: Analysis
) -> None:
    async def sometimes(request: pb.AnalyzeRequest) -> pb.Analysis:
        if request.image.encoded == b"busy":
            raise Overloaded("QUEUE_FULL", "try again", 2.0)
        return answer

    async with AsyncClient(transport=AsyncFakeTransport(sometimes)) as client:
        assert await client.analyze(b"image") == analysis
        outcomes = [item async for item in client.analyze_many([b"a", b"busy", b"c"])]
    assert outcomes[0] == outcomes[2] == analysis
    assert isinstance(outcomes[1], Overloaded)
    assert outcomes[1].retry_after == 2.0


def test_many_takes_no_more_images_than_it_works_on(answer: pb.Analysis) -> None:
    taken = []

    def images() -> Any:
        for number in range(100):
            taken.append(number)
            yield b"image"

    with Client(transport=FakeTransport(lambda request: answer)) as client:
        outcomes = client.analyze_many(images(), concurrency=3)
        next(iter(outcomes))
        assert len(taken) == 3


def test_errors_survive_a_process_boundary() -> None:
    error = Overloaded("QUEUE_FULL", "try again", 2.0)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is Overloaded
    assert isinstance(copy, RiskmaskError)
    assert (copy.reason, copy.message, copy.retry_after) == ("QUEUE_FULL", "try again", 2.0)


async def test_options_that_can_be_read_once_hold_for_every_image(answer: pb.Analysis) -> None:
    fake = FakeTransport(lambda request: answer)
    with Client(transport=fake) as client:
        options: Options = {"masks": iter(["RISK"]), "hint_formats": iter(["neural-quality"])}
        list(client.analyze_many([b"a", b"b"], **options))

    async def always(request: pb.AnalyzeRequest) -> pb.Analysis:
        return answer

    other = AsyncFakeTransport(always)
    async with AsyncClient(transport=other) as asynchronous:
        options = {"masks": iter(["RISK"]), "hint_formats": iter(["neural-quality"])}
        assert len([item async for item in asynchronous.analyze_many([b"a", b"b"], **options)]) == 2
    requests = fake.requests + other.requests
    assert len(requests) == 4
    assert all(list(request.masks) == [pb.MASK_TYPE_RISK] for request in requests)
    assert all(list(request.hint_formats) == ["neural-quality"] for request in requests)


def test_a_file_beyond_any_message_is_refused_unread(answer: pb.Analysis, tmp_path: Path) -> None:
    path = tmp_path / "film.tif"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with (
        Client(transport=FakeTransport(lambda request: answer)) as client,
        pytest.raises(LimitExceeded, match="1099511627776 bytes"),
    ):
        client.analyze(path)


def test_an_effectiveness_newer_than_the_client_is_refused(answer: pb.Analysis) -> None:
    answer.hints[0].effectiveness = 99  # type: ignore[assignment]
    with (
        Client(transport=FakeTransport(lambda request: answer)) as client,
        pytest.raises(NotSupported, match="upgrade"),
    ):
        client.analyze(b"image")
