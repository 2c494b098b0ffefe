"""Settings: defaults, then the environment, then flags; what is wrong is named."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from riskmask.client.cli_serve import serve
from riskmask.server.engine.decode import Limits
from riskmask.server.errors import StartError
from riskmask.server.settings import DEFAULT_ADDRESS, ServerSettings, load_settings


@pytest.fixture(autouse=True)
def _empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ADDRESS", "QUEUE", "THREADS", "INSECURE", "MODEL", "CONFIG"):
        monkeypatch.delenv(f"RISKMASK_{name}", raising=False)


def test_every_option_has_a_default() -> None:
    settings = load_settings()
    assert settings.address == (DEFAULT_ADDRESS,)
    assert settings.insecure is False
    assert settings.queue == 16
    assert settings.model_threads >= 1


def test_flags_go_over_the_environment_and_that_over_defaults(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RISKMASK_QUEUE", "3")
    monkeypatch.setenv("RISKMASK_THREADS", "2")
    monkeypatch.setenv("RISKMASK_ADDRESS", "unix:/run/a.sock, 127.0.0.1:1234")
    settings = load_settings(threads=5, queue=None)
    assert (settings.queue, settings.threads) == (3, 5)
    assert settings.address == ("unix:/run/a.sock", "127.0.0.1:1234")
    assert load_settings(address=("127.0.0.1:9",)).address == ("127.0.0.1:9",)


@pytest.mark.parametrize(
    ("option", "value", "accepted"),
    [
        ("threads", 0, "greater than or equal to 1"),
        ("threads", 1000, "less than or equal to 256"),
        ("queue", -1, "greater than or equal to 0"),
        ("queue", "many", "valid integer"),
        ("max_message_bytes", 5, "greater than or equal to 1048576"),
        ("drain_seconds", -1, "greater than or equal to 0"),
        ("drain_seconds", float("nan"), "finite"),
        ("max_seconds", 0, "greater than 0"),
        ("max_seconds", float("inf"), "finite"),
        ("max_connection_age_seconds", -1, "greater than or equal to 0"),
        ("keepalive_seconds", 0, "greater than or equal to 1"),
        ("metrics_port", 65_536, "less than or equal to 65535"),
        ("metrics_address", "0.0.0.0", "needs metrics_port"),
        ("metrics_address", "here", "no IP address"),
        ("traces", "perhaps", "valid boolean"),
        ("max_streams", -1, "greater than or equal to 0"),
        ("max_analyses", 0, "greater than or equal to 1"),
        ("max_analyses", 100, "have room for 17, so 100 would limit nothing"),
        ("max_verifications", 0, "greater than or equal to 1"),
        ("max_verifications", 100, "have room for 17, so 100 would limit nothing"),
        ("min_ping_seconds", 0, "greater than or equal to 1"),
        ("max_connection_age_grace_seconds", 0, "greater than 0"),
        ("max_image_bytes", 0, "greater than or equal to 1"),
        ("max_image_bytes", 73 << 20, "never fit into a message"),
        ("max_image_pixels", 0, "greater than or equal to 1"),
        ("max_image_side", 0, "greater than or equal to 1"),
        ("max_image_side", 65_501, "less than or equal to 65500"),
        ("address", (), "at least one"),
        ("address", ("nowhere",), "HOST:PORT"),
        ("model", Path("absent.onnx"), "there is no file"),
        ("profiles", Path("absent"), "there is no folder"),
        ("tls_cert", Path("cert.pem"), "both or neither"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_accepted(
    option: str, value: object, accepted: str
) -> None:
    with pytest.raises(StartError, match=accepted) as caught:
        load_settings(**{option: value})
    assert option in str(caught.value)


def test_a_file_goes_over_defaults_and_under_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "riskmask.toml"
    path.write_text('queue = 7\nthreads = 4\nmax_streams = 9\naddress = ["127.0.0.1:1"]\n')
    monkeypatch.setenv("RISKMASK_THREADS", "5")
    settings = load_settings(path, max_streams=2)
    assert (settings.queue, settings.threads, settings.max_streams) == (7, 5, 2)
    assert settings.address == ("127.0.0.1:1",)
    monkeypatch.setenv("RISKMASK_CONFIG", str(path))
    assert load_settings().queue == 7
    monkeypatch.delenv("RISKMASK_CONFIG")
    assert load_settings().queue == 16


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("queue = ", "is not TOML"),
        ("queue = -1", "queue: .*greater than or equal to 0"),
        ("qeue = 3", "qeue: "),
        ("max_image_bytes = 100000000", "never fit into a message"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "riskmask.toml"
    path.write_text(content)
    with pytest.raises(StartError, match=said):
        load_settings(path)
    with pytest.raises(StartError, match="there is no file"):
        load_settings(tmp_path / "absent.toml")


def test_the_limits_on_images_follow_the_limit_on_messages() -> None:
    assert load_settings().limits == Limits()
    assert load_settings(max_message_bytes=1 << 20).limits.max_bytes == 1 << 20
    limits = load_settings(max_image_bytes=10, max_image_pixels=20, max_image_side=30).limits
    assert limits == Limits(max_bytes=10, max_pixels=20, max_side=30)


def test_a_variable_that_is_no_option_is_named_and_left_aside(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fine = {"CORPUS": "/corpus", "THREADS": "2"}
    links = {
        "SERVICE_HOST": "10.0.0.1",
        "SERVICE_PORT_GRPC": "50551",
        "PORT": "tcp://10.0.0.1:50551",
        "PORT_50551_TCP_ADDR": "10.0.0.1",
    }
    for name, value in {**fine, **links, "QEUE": "3", "METRIC_PORT": "9464", "ZZ": "1"}.items():
        monkeypatch.setenv(f"RISKMASK_{name}", value)
    assert load_settings().queue == 16
    ignored = "in the environment is no option and is left aside"
    assert caplog.messages == [
        f"RISKMASK_METRIC_PORT {ignored}; did you mean RISKMASK_METRICS_PORT?",
        f"RISKMASK_QEUE {ignored}; did you mean RISKMASK_QUEUE?",
        f"RISKMASK_ZZ {ignored}",
    ]


def test_a_time_of_grace_needs_an_age() -> None:
    with pytest.raises(StartError, match="needs max_connection_age_seconds"):
        load_settings(max_connection_age_seconds=0, max_connection_age_grace_seconds=1.0)


def test_a_wrong_variable_of_the_environment_is_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISKMASK_QUEUE", "many")
    with pytest.raises(StartError, match="queue"):
        load_settings()


def test_every_option_is_a_flag_and_in_the_document() -> None:
    flags = set(inspect.signature(serve).parameters)
    document = Path(__file__).resolve().parents[2] / "docs" / "service.md"
    rows = [line for line in document.read_text(encoding="utf-8").splitlines() if "| `" in line]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    for option in ServerSettings.model_fields:
        assert option in flags
        assert option in named, f"{option} is in no table of docs/service.md"
