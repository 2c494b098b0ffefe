"""Commands reach a server that wants TLS, a client's certificate and a token."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from riskmask.server.addresses import parse_address

TOKEN = "a-token-of-some-length"


def command(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "riskmask.client", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """One that is its own authority."""
    cert, key = folder / f"{name}.crt", folder / f"{name}.key"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    names = ["-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(key), "-out", str(cert)]
    subprocess.run([*make.split(), *names, *files], check=True, capture_output=True)
    return cert, key


@dataclass(frozen=True)
class Guarded:
    """A server that wants everything, and flags that give it."""

    address: str
    socket: str
    flags: dict[str, Path]

    def without(self, *names: str) -> list[object]:
        pairs = ((name, path) for name, path in self.flags.items() if name not in names)
        return ["--address", self.address, *(word for pair in pairs for word in pair)]


@pytest.fixture(scope="module")
def guarded(
    start_server: Callable[..., Any], socket_folder: Path, tmp_path_factory: Any
) -> Iterator[Guarded]:
    folder = tmp_path_factory.mktemp("credentials")
    cert, key = certificate(folder, "server")
    own_cert, own_key = certificate(folder, "client")
    tokens, mine = folder / "tokens", folder / "mine"
    tokens.write_text(f"{TOKEN}\nanother-token-as-long\n")
    mine.write_text(f"# of the pipeline\n\n  {TOKEN}  \n")
    path = socket_folder / "guarded.sock"
    flags = ("--tls-cert", cert, "--tls-key", key, "--tls-client-ca", own_cert)
    with start_server(
        *("--address", "127.0.0.1:0", "--socket", str(path), "--token-file", str(tokens)),
        *map(str, flags),
    ) as running:
        address = f"localhost:{parse_address(running.addresses[0]).port}"
        ca = folder / "ca.pem"
        ca.write_text(f"# Főtanúsítvány\n{cert.read_text()}", encoding="utf-8")
        given = {"--ca": ca, "--cert": own_cert, "--key": own_key, "--token-file": mine}
        yield Guarded(address, f"unix:{path}", given)


def test_info_analyze_and_verify_take_them(guarded: Guarded, png: bytes, tmp_path: Path) -> None:
    image = tmp_path / "scene.png"
    image.write_bytes(png)
    info = command("info", *guarded.without())
    assert info.returncode == 0, info.stderr
    assert "model: tiny" in info.stdout
    analyzed = command("analyze", image, "--bpp", 0.03, *guarded.without())
    assert analyzed.returncode == 0, analyzed.stderr
    assert "scene.png  FALLBACK_JPEG" in analyzed.stdout
    verified = command("verify", image, image, "--annotator", "shape", *guarded.without())
    assert verified.returncode == 0, verified.stderr
    assert "nothing changed" in verified.stdout


@pytest.mark.parametrize(
    ("left_out", "said"),
    [
        (("--token-file",), "Bearer"),
        (("--ca",), "no riskmask server answers"),
        (("--cert", "--key"), "no riskmask server answers"),
        (("--key",), "--cert and --key go together"),
    ],
)
def test_without_one_of_them_it_is_refused_on_one_line(
    guarded: Guarded, left_out: tuple[str, ...], said: str
) -> None:
    done = command("info", *guarded.without(*left_out))
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if line.startswith("riskmask: ")]
    assert len(lines) == 1
    assert said in lines[0]


def test_a_token_goes_over_a_unix_socket_too(guarded: Guarded) -> None:
    token = ("--token-file", guarded.flags["--token-file"])
    assert command("info", "--address", guarded.socket, *token).returncode == 0
    assert command("info", "--address", guarded.socket).returncode == 2


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--token-file", "{empty}", "--address", "unix:/tmp/a"), "holds no token"),
        (("--token-file", "{absent}", "--address", "unix:/tmp/a"), "No such file"),
        (("--token-file", "{mine}", "--address", "127.0.0.1:1"), "would travel in clear"),
        (("--tls",), "give its --address"),
        (("--ca", "{mine}", "--address", "127.0.0.1:1"), "--ca: expected PEM certificates"),
        (("--ca", "{nothing}", "--address", "127.0.0.1:1"), "--ca: expected PEM certificates"),
        (
            ("--cert", "{mine}", "--key", "{mine}", "--address", "127.0.0.1:1"),
            "--cert and --key: expected a PEM chain",
        ),
    ],
)
def test_what_cannot_be_sent_is_one_line(tmp_path: Path, flags: tuple[str, ...], said: str) -> None:
    files = {name: tmp_path / name for name in ("empty", "nothing", "absent", "mine")}
    files["empty"].write_text("# none\n")
    files["nothing"].touch()
    files["mine"].write_text(TOKEN)
    done = command("info", *(flag.format(**files) for flag in flags))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
    assert TOKEN not in done.stderr


def test_health_needs_no_token_and_no_more_than_the_connection(guarded: Guarded) -> None:
    # several addresses as in the server's own variable: the first one counts
    done = command("health", "--address", f"{guarded.socket},{guarded.address}")
    assert (done.returncode, done.stdout.strip()) == (0, "SERVING")
    flags = guarded.without("--token-file")
    assert command("health", *flags).returncode == 0
    refused = command("health", *guarded.without("--token-file", "--cert", "--key"))
    assert refused.returncode == 2
    assert "no riskmask server answers" in refused.stderr


async def test_a_server_that_takes_no_requests_is_not_healthy() -> None:
    server, servicer = grpc.aio.server(), health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    await servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    done = await asyncio.to_thread(command, "health", "--address", f"127.0.0.1:{port}")
    await server.stop(0)
    assert (done.returncode, done.stdout.strip()) == (1, "NOT_SERVING")
