"""TLS, certificates that are exchanged, clients that must show theirs, and tokens."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from grpc_health.v1 import health_pb2, health_pb2_grpc

from riskmask.client import AsyncClient, Client, InvalidRequest, NotAuthorized, ServiceUnavailable
from riskmask.server.app import Server
from riskmask.server.certificates import Certificates
from riskmask.server.engine.engine import Engine
from riskmask.server.errors import StartError
from riskmask.server.settings import load_settings

TOKEN, OTHER = "a-token-of-some-length", "another-token-as-long"


@dataclass(frozen=True)
class Issued:
    """A certificate and its key, PEM and as objects."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def chain_pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )


def issue(name: str, issuer: Issued | None = None, *, days: float = 1) -> Issued:
    """An authority of its own, or a certificate for localhost by an authority; good for days."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=2))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    )
    certificate = builder.sign(key if issuer is None else issuer.key, hashes.SHA256())
    return Issued(certificate, key)


@dataclass(frozen=True)
class Files:
    """Where a server's certificate lies."""

    cert: Path
    key: Path

    def put(self, issued: Issued) -> None:
        """Exchanges both, as an operator does: written beside and renamed."""
        for path, content in ((self.cert, issued.chain_pem), (self.key, issued.key_pem)):
            fresh = path.with_suffix(".new")
            fresh.write_bytes(content)
            fresh.replace(path)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path / "cert.pem", tmp_path / "key.pem")


@asynccontextmanager
async def serving_tls(engine: Engine, files: Files, **settings: Any) -> Any:
    loaded = load_settings(
        address=("127.0.0.1:0",), tls_cert=files.cert, tls_key=files.key, **settings
    )
    server = Server(engine, loaded)
    await server.start()
    try:
        yield f"localhost:{server.bound[0].port}"
    finally:
        await server.stop(drain_seconds=0)


async def test_exchanged_certificates_are_used_without_a_restart(
    engine: Engine, files: Files
) -> None:
    first, second = issue("first authority"), issue("second authority")
    files.put(issue("localhost", first))
    async with serving_tls(engine, files) as address:
        async with AsyncClient(address, root_certificates=first.chain_pem) as client:
            assert (await client.server_info()).version
        files.put(issue("localhost", second))
        async with AsyncClient(address, root_certificates=second.chain_pem) as client:
            assert (await client.server_info()).version
        # half of an exchange: the pair does not fit, so the second one stays
        files.key.write_bytes(issue("localhost", first).key_pem)
        async with AsyncClient(address, root_certificates=second.chain_pem) as client:
            assert (await client.server_info()).version
        async with AsyncClient(address, root_certificates=first.chain_pem) as client:
            with pytest.raises(ServiceUnavailable):
                await client.server_info()


async def test_clients_must_show_a_certificate_of_their_authority(
    engine: Engine, files: Files, tmp_path: Path, png: bytes
) -> None:
    authority, clients, strangers = issue("servers"), issue("clients"), issue("strangers")
    files.put(issue("localhost", authority))
    trusted = tmp_path / "clients.pem"
    trusted.write_bytes(clients.chain_pem)
    member, stranger = issue("member", clients), issue("stranger", strangers)
    expired = issue("member", clients, days=-1)
    async with serving_tls(engine, files, tls_client_ca=trusted) as address:
        shown = (member.chain_pem, member.key_pem)
        roots = authority.chain_pem
        async with AsyncClient(address, root_certificates=roots, certificate=shown) as client:
            assert (await client.analyze(png)).image.width == 160
        others = [(each.chain_pem, each.key_pem) for each in (stranger, expired)]
        for wrong in (None, *others):
            async with AsyncClient(address, root_certificates=roots, certificate=wrong) as client:
                with pytest.raises(ServiceUnavailable):
                    await client.analyze(png)


@pytest.mark.parametrize("way", ["tls", "unix"])
async def test_only_an_accepted_token_is_answered(
    engine: Engine, files: Files, tmp_path: Path, socket_folder: Path, png: bytes, way: str
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(f"# pipelines\n\n{TOKEN}\n")
    authority = issue("authority")
    files.put(issue("localhost", authority))
    address = ("127.0.0.1:0",) if way == "tls" else (f"unix:{socket_folder / 'token.sock'}",)
    tls: dict[str, Any] = {"tls_cert": files.cert, "tls_key": files.key} if way == "tls" else {}
    server = Server(engine, load_settings(address=address, token_file=tokens, **tls))
    await server.start()
    bound = server.bound[0]
    where = f"localhost:{bound.port}" if way == "tls" else str(bound)
    trust: dict[str, Any] = {"root_certificates": authority.chain_pem} if way == "tls" else {}
    try:
        async with AsyncClient(where, token=TOKEN, **trust) as client:
            assert (await client.analyze(png)).image.width == 160
            for wrong in (None, OTHER, TOKEN[:-1], TOKEN + "x"):
                async with AsyncClient(where, token=wrong, **trust) as other:
                    with pytest.raises(NotAuthorized) as caught:
                        await other.analyze(bytes(1 << 24))
                    assert caught.value.reason == "UNAUTHENTICATED"
                    assert "Bearer" in caught.value.message
            tokens.write_text(f"{OTHER}\n")
            os.utime(tokens, ns=(1, 1))
            async with AsyncClient(where, token=OTHER, **trust) as other:
                assert (await other.server_info()).version
            with pytest.raises(NotAuthorized):
                await client.server_info()
            tokens.write_text("short\n")
            async with AsyncClient(where, token=OTHER, **trust) as other:
                assert (await other.server_info()).version
    finally:
        await server.stop(drain_seconds=0)


async def test_a_probe_needs_no_token(engine: Engine, tmp_path: Path, socket_folder: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(TOKEN)
    path = f"unix:{socket_folder / 'probe.sock'}"
    server = Server(engine, load_settings(address=(path,), token_file=tokens))
    await server.start()
    options = [("grpc.default_authority", "localhost")]
    async with grpc.aio.insecure_channel(path, options) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=30)
        # Open calls take places, so nobody without a token may keep one open.
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await health.Watch(health_pb2.HealthCheckRequest(), timeout=30).read()
    assert answer.status == health_pb2.HealthCheckResponse.SERVING
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    await server.stop(drain_seconds=0)


def test_a_token_never_travels_in_clear(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(TOKEN)
    for address in ("127.0.0.1:1", "localhost:1"):
        with pytest.raises(StartError, match="token_file: tokens would travel in clear"):
            load_settings(address=("unix:/tmp/a.sock", address), token_file=tokens)
        for make in (Client, AsyncClient):
            with pytest.raises(InvalidRequest, match="would travel in clear"):
                make(address, token=TOKEN)
    with pytest.raises(InvalidRequest, match="ASCII"):
        Client("unix:/tmp/a.sock", token="line\nbreak")


@pytest.mark.parametrize(
    ("content", "said"),
    [("", "holds no token"), ("# none\n", "holds no token"), ("short", "16 characters")],
)
def test_a_token_file_that_protects_nothing_is_refused(
    engine: Engine, tmp_path: Path, content: str, said: str
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(content)
    settings = load_settings(address=("unix:/tmp/a.sock",), token_file=tokens)
    with pytest.raises(StartError, match=said):
        Server(engine, settings)


def test_certificates_that_do_not_fit_are_refused_at_the_start(
    files: Files, make_check: Callable[[Files], str]
) -> None:
    files.put(issue("localhost"))
    files.key.write_bytes(issue("localhost").key_pem)
    assert "do not fit" in make_check(files)
    files.key.write_text("no PEM")
    assert "tls_key" in make_check(files)


@pytest.fixture
def make_check() -> Callable[[Files], str]:
    """What a start with these files says."""

    def check(files: Files) -> str:
        with pytest.raises(StartError) as caught:
            Certificates(files.cert, files.key)
        return str(caught.value)

    return check
