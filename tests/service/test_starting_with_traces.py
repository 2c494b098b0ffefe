"""A server starts with traces, or says what they lack; without them it imports nothing of them."""

from __future__ import annotations

import subprocess
import sys

import pytest

from riskmask.server import loading
from riskmask.server.errors import StartError
from riskmask.server.settings import load_settings


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "carrier/pigeon", "grpc or http/protobuf"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json", "grpc or http/protobuf"),
        ("OTEL_TRACES_EXPORTER", "pigeon", "otlp, console and none"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "long", "cannot be used"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip", "cannot be set up"),
        ("OTEL_BSP_SCHEDULE_DELAY", "0", "cannot be set up"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4096", "cannot be set up"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "abc", "cannot be set up"),
    ],
)
def test_an_exporter_that_cannot_be_had_stops_the_start(
    variable: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(StartError, match=said):
        loading.load_traces(load_settings(traces=True))


def run(script: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_traces_without_the_extra_are_refused_and_say_what_to_install() -> None:
    script = """
import sys
sys.modules["opentelemetry"] = None  # as if it were not installed
from riskmask.client.cli import main
sys.argv = ["riskmask", "serve", "--check", "--traces"]
main()
"""
    done = run(script)
    assert done.returncode == 2, done.stderr
    assert "pip install 'riskmask[otel]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_without_traces_imports_nothing_of_them() -> None:
    script = """
import sys
from riskmask.server import app, loading
from riskmask.server.settings import load_settings
settings = load_settings(address=("127.0.0.1:0",))
assert loading.load_traces(settings) is None
engine = loading.load_engine(settings)
import asyncio
async def main():
    server = app.Server(engine, settings)
    await server.stop(drain_seconds=0)
asyncio.run(main())
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""
    done = run(script)
    assert done.stdout.strip() == "[]", done.stderr
