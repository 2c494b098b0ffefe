"""What the package exports is decided here, not by accident; and it stays light."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import riskmask.client
from riskmask.client import AsyncClient, Client, RiskmaskError

EXPORTED = """
Analysis AsyncClient AsyncFakeTransport AsyncTransport ChangeKind Client CodecInfo ColorMatrix
ColorRange Content ContentType Damage DeadlineExceeded Decision Effectiveness EngineNotInstalled
ExaminedRegion Explanation FakeTransport Fallback Finding FindingMask Hint HintFormat ImageFacts
InternalError InvalidImage InvalidRequest JpegAdvice Kind KnownRegion LimitExceeded Limits Mask
MaskType MissingAnnotator ModelInfo NotAuthorized NotSupported Options Overloaded PixelFormat
Plane Policy PredictedDamage RawImage Reason Region ResolvedTarget RiskmaskError SafeTextHeight
ServerInfo ServiceUnavailable Transport Verification VerifyOptions
"""


def test_the_exported_names_are_these() -> None:
    assert riskmask.client.__all__ == EXPORTED.split()
    for name in riskmask.client.__all__:
        assert inspect.getdoc(getattr(riskmask.client, name))


def test_every_error_is_exported_and_drawn_in_the_tree() -> None:
    from riskmask.client import _errors

    assert _errors.__doc__ is not None
    kinds = [kind for _, kind in inspect.getmembers(_errors, inspect.isclass)]
    errors = [kind for kind in kinds if issubclass(kind, RiskmaskError)]
    assert len(errors) == 11
    for kind in errors:
        assert kind.__name__ in riskmask.client.__all__
        assert kind.__name__ in _errors.__doc__


def test_both_clients_have_the_same_methods() -> None:
    def methods(kind: type) -> dict[str, list[str]]:
        members = inspect.getmembers(kind, callable)
        return {
            name: list(inspect.signature(member).parameters)
            for name, member in members
            if not name.startswith("_")
        }

    assert methods(Client) == methods(AsyncClient)
    assert set(methods(Client)) == {
        "analyze",
        "analyze_many",
        "analyze_or_fallback",
        "close",
        "local",
        "server_info",
        "verify",
    }


@pytest.mark.parametrize("module", ["riskmask.client", "riskmask.client.cli"])
def test_importing_it_loads_nothing_heavy(module: str) -> None:
    heavy = (
        "torch",
        "onnxruntime",
        "cv2",
        "scipy",
        "pydantic",
        "riskmask.server",
        "riskmask.model",
    )
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_the_engine_it_says_what_to_install() -> None:
    code = """
import sys
sys.modules["onnxruntime"] = None
from riskmask.client import Client, EngineNotInstalled
try:
    Client.local()
except EngineNotInstalled as error:
    print(error.message)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'riskmask[server]'" in done.stdout
