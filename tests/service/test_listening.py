"""Where a server listens, and where it refuses to."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from riskmask.client import Client, ServiceUnavailable
from riskmask.server.addresses import Address, clear_stale_socket, parse_address
from riskmask.server.errors import StartError
from riskmask.server.settings import DEFAULT_ADDRESS, load_settings

Start = Callable[..., Any]


def refusal(*flags: str) -> str:
    """What ``riskmask serve`` says on its one line when it refuses to start."""
    done = subprocess.run(
        [sys.executable, "-m", "riskmask.client", "serve", *flags],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_the_default_is_loopback() -> None:
    assert load_settings().address == (DEFAULT_ADDRESS,)
    assert parse_address(DEFAULT_ADDRESS).is_local


def test_a_loopback_server_says_how_to_be_reached_from_elsewhere(start_server: Start) -> None:
    with start_server("--address", "127.0.0.1:0") as running:
        assert "0.0.0.0:50551" in running.process.stdout.readline()


@pytest.mark.parametrize("address", ["0.0.0.0:50551", "[::]:50551", "192.0.2.1:1", "example.org:1"])
def test_beyond_loopback_it_needs_tls_or_insecure(address: str) -> None:
    with pytest.raises(StartError, match=r"--tls-cert and --tls-key, or --insecure"):
        load_settings(address=(address,))
    assert load_settings(address=(address,), insecure=True).addresses[0].port > 0


def test_the_command_refuses_on_one_line() -> None:
    assert "--insecure" in refusal("--address", "0.0.0.0:0")
    assert "HOST:PORT" in refusal("--address", "nonsense")
    assert "threads" in refusal("--threads", "0")
    assert "both or neither" in refusal("--tls-cert", "cert.pem")


def test_insecure_listens_everywhere(start_server: Start, png: bytes) -> None:
    with start_server("--address", "0.0.0.0:0", "--insecure") as running:
        port = parse_address(running.addresses[0]).port
        with Client(f"127.0.0.1:{port}") as client:
            assert client.analyze(png).image.width == 160


def test_tls_encrypts(start_server: Start, png: bytes, tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(key), "-out", str(cert)]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    flags = ("--tls-cert", str(cert), "--tls-key", str(key))
    with start_server("--address", "0.0.0.0:0", *flags) as running:
        address = f"localhost:{parse_address(running.addresses[0]).port}"
        with Client(address, root_certificates=cert.read_bytes()) as client:
            assert client.analyze(png).image.width == 160
        with Client(address) as plain, pytest.raises(ServiceUnavailable):
            plain.analyze(png)


def test_a_socket_admits_owner_and_group_alone(server: Any) -> None:
    path = Path(server.addresses[1].removeprefix("unix:"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o660


def test_a_dead_servers_socket_is_taken_over(
    start_server: Start, socket_folder: Path, png: bytes
) -> None:
    path = socket_folder / "stale.sock"
    with start_server("--socket", str(path)) as killed:
        os.kill(killed.process.pid, signal.SIGKILL)
        killed.process.wait(timeout=20)
        assert path.is_socket()
    with start_server("--socket", str(path)), Client(f"unix:{path}") as client:
        assert client.analyze(png).image.height == 96


def test_a_living_servers_socket_is_left_alone(server: Any, png: bytes) -> None:
    address = server.addresses[1]
    with pytest.raises(StartError, match="a server is listening there already"):
        clear_stale_socket(Path(address.removeprefix("unix:")))
    with Client(address) as client:
        assert client.analyze(png).image.height == 96


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("data")
    with pytest.raises(StartError, match="not a socket"):
        clear_stale_socket(precious)
    assert precious.read_text() == "data"
    with pytest.raises(StartError, match="there is no folder"):
        clear_stale_socket(tmp_path / "absent" / "a.sock")


def test_a_port_in_use_is_refused(detector_path: Path, profiles_folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        model = ("--model", str(detector_path), "--profiles", str(profiles_folder))
        assert "in use" in refusal("--address", f"127.0.0.1:{port}", *model)


def test_nobody_at_the_address_is_said_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with Client(f"127.0.0.1:{port}") as client, pytest.raises(ServiceUnavailable) as caught:
        client.server_info()
    assert "no riskmask server answers" in caught.value.message


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:1", Address("127.0.0.1", 1)),
        ("[::1]:65535", Address("::1", 65535)),
        ("unix:/run/a.sock", Address(path=Path("/run/a.sock"))),
        ("unix:a.sock", Address(path=Path("a.sock"))),
    ],
)
def test_addresses_are_read_and_written(text: str, address: Address) -> None:
    assert parse_address(text) == address
    assert str(address) == text


@pytest.mark.parametrize("text", ["", "host", ":1", "host:", "host:65536", "host:-1", "unix:"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"address"):
        parse_address(text)
