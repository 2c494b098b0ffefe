"""The Kubernetes manifests fit this server: its options, commands, ports, user and limits."""

from __future__ import annotations

import datetime
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from riskmask.client import Client, NotAuthorized
from riskmask.server.settings import ServerSettings, load_settings
from riskmask.server.traces import FLUSH_SECONDS

CHECKOUT = Path(__file__).resolve().parents[2]
DEPLOY = CHECKOUT / "deploy"
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
KUBERNETES = ("1.29.0", "1.37.0")  # the first with sidecars, and the newest known here


def objects() -> list[dict[str, Any]]:
    return [
        each for path in MANIFESTS for each in yaml.safe_load_all(path.read_text(encoding="utf-8"))
    ]


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [each for each in objects() if each["kind"] == kind]


@dataclass(frozen=True)
class Pod:
    """A pod that a manifest makes, and the container in it that is riskmask's."""

    spec: dict[str, Any]
    annotations: dict[str, str]
    container: dict[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        return {each["name"]: each["value"] for each in self.container["env"]}

    @property
    def ports(self) -> dict[str, int]:
        return {each["name"]: each["containerPort"] for each in self.container["ports"]}

    @property
    def probes(self) -> list[dict[str, Any]]:
        return [self.container[f"{name}Probe"] for name in ("startup", "readiness", "liveness")]

    @property
    def mounts(self) -> dict[str, str]:
        return {each["name"]: each["mountPath"] for each in self.container["volumeMounts"]}


def pod(deployment: dict[str, Any]) -> Pod:
    template = deployment["spec"]["template"]
    spec = template["spec"]
    containers = [*spec.get("initContainers", ()), *spec["containers"]]
    (own,) = [each for each in containers if each["name"] == "riskmask"]
    return Pod(spec, template["metadata"]["annotations"], own)


PODS = {each["metadata"]["name"]: pod(each) for each in of_kind("Deployment")}
each_pod = pytest.mark.parametrize("own", PODS.values(), ids=PODS)


def put_files(folder: Path) -> None:
    """What the secrets of the manifests hold: a certificate for localhost, its key, tokens."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .sign(key, hashes.SHA256())
    )
    pem, encrypted = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "tls").mkdir()
    (folder / "tls" / "tls.crt").write_bytes(certificate.public_bytes(pem))
    (folder / "tls" / "tls.key").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, encrypted)
    )
    (folder / "tokens").mkdir()
    (folder / "tokens" / "tokens").write_text("a-token-of-some-length\n")


@pytest.fixture
def here(socket_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets the environment of a pod, with folders of the test; returns what exchanges them."""
    put_files(tmp_path)

    def translate(text: str) -> str:
        return text.replace("/run/riskmask", str(socket_folder)).replace(
            "/etc/riskmask", str(tmp_path)
        )

    def use(own: Pod) -> Callable[[str], str]:
        for name, value in own.environment.items():
            monkeypatch.setenv(name, translate(value))
        return translate

    return use


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_kubernetes_knows_every_field(path: Path, version: str) -> None:
    found = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    assert found
    for each in found:
        kubernetes_validate.validate(each, version, strict=True)


def test_there_is_a_sidecar_and_a_service_of_its_own() -> None:
    assert set(PODS) == {"ingest", "riskmask"}
    (service,) = of_kind("Service")
    assert service["spec"]["clusterIP"] == "None"
    assert {each["kind"] for each in objects()} == {
        "Deployment",
        "Service",
        "HorizontalPodAutoscaler",
        "PodDisruptionBudget",
    }


@each_pod
def test_every_variable_is_an_option_and_the_server_takes_its_value(own: Pod, here: Any) -> None:
    names = {name.removeprefix("RISKMASK_").lower() for name in own.environment}
    assert all(name.startswith("RISKMASK_") for name in own.environment)
    assert names <= set(ServerSettings.model_fields)
    assert not own.container.get("command")
    assert not own.container.get("args")
    here(own)
    settings = load_settings()
    assert settings.model_fields_set == names
    assert settings.metrics_port == own.ports["metrics"]
    assert own.annotations["prometheus.io/port"] == str(settings.metrics_port)
    tcp = {each.port for each in settings.addresses if each.path is None}
    assert tcp == {port for name, port in own.ports.items() if name == "grpc"}


@each_pod
def test_no_service_of_the_namespace_sets_an_option(own: Pod) -> None:
    assert own.spec["enableServiceLinks"] is False


@each_pod
def test_a_stopping_server_has_the_time_that_it_takes(own: Pod, here: Any) -> None:
    here(own)
    needed = load_settings().drain_seconds + FLUSH_SECONDS
    assert own.spec["terminationGracePeriodSeconds"] >= needed + 10


@each_pod
def test_the_model_has_as_many_threads_as_the_container_has_cores(own: Pod, here: Any) -> None:
    here(own)
    settings = load_settings()
    cores = int(own.container["resources"]["limits"]["cpu"])
    assert settings.threads * settings.model_threads == cores
    assert own.container["resources"]["requests"]["cpu"] == str(cores)


@each_pod
def test_its_memory_suffices_for_what_may_wait(
    own: Pod, here: Any, memory_at_most: Callable[[ServerSettings], float]
) -> None:
    here(own)
    settings = load_settings()
    assert own.container["resources"]["limits"]["memory"] == "2Gi"
    assert memory_at_most(settings) <= 2 * 1024**3
    assert settings.max_image_pixels <= 25_000_000


@each_pod
def test_it_runs_as_the_images_user_and_writes_to_the_sockets_folder_alone(own: Pod) -> None:
    (user,) = re.findall(r"^USER (\d+):(\d+)$", (CHECKOUT / "Dockerfile").read_text(), re.MULTILINE)
    context = own.spec["securityContext"] | own.container["securityContext"]
    assert (str(context["runAsUser"]), str(context["runAsGroup"])) == user
    assert str(context["fsGroup"]) == user[1]
    assert context["runAsNonRoot"] is True
    assert context["readOnlyRootFilesystem"] is True
    assert context["allowPrivilegeEscalation"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}
    volumes = {each["name"]: each for each in own.spec["volumes"]}
    writable = [path for name, path in own.mounts.items() if "emptyDir" in volumes[name]]
    assert writable == ["/run/riskmask"]
    assert all("secret" in volumes[name] for name in set(own.mounts) - {"run", "riskmask"})
    sockets = [each for each in own.environment["RISKMASK_ADDRESS"].split(",") if "unix:" in each]
    assert sockets == ["unix:/run/riskmask/riskmask.sock"]


def test_ingest_mounts_the_socket_of_its_sidecar_and_starts_after_it() -> None:
    own = PODS["ingest"]
    (ingest,) = own.spec["containers"]
    assert own.container["restartPolicy"] == "Always"
    assert {each["name"]: each["mountPath"] for each in ingest["volumeMounts"]} == own.mounts
    assert ingest["securityContext"]["readOnlyRootFilesystem"] is True


def test_the_image_is_this_version() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for own in PODS.values():
        assert own.container["image"] == f"riskmask:{project['version']}"


def test_selectors_find_the_pods_and_the_ports() -> None:
    (service,), (scaler,), (budget,) = (
        of_kind(kind) for kind in ("Service", "HorizontalPodAutoscaler", "PodDisruptionBudget")
    )
    (deployment,) = [
        each for each in of_kind("Deployment") if each["metadata"]["name"] == "riskmask"
    ]
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    for selector in (
        service["spec"]["selector"],
        deployment["spec"]["selector"]["matchLabels"],
        budget["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()
    assert {each["targetPort"] for each in service["spec"]["ports"]} <= set(PODS["riskmask"].ports)
    assert scaler["spec"]["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
    assert "replicas" not in deployment["spec"]


@each_pod
def test_a_server_with_the_manifests_options_answers_the_manifests_probes(
    own: Pod, here: Any, start_server: Callable[..., Any], png: bytes, tmp_path: Path
) -> None:
    translate = here(own)
    # free ports in place of the manifests', which this machine may have given away
    addresses = translate(own.environment["RISKMASK_ADDRESS"]).replace(":50551", ":0").split(",")
    flags = [text for each in addresses for text in ("--address", each)]
    with start_server(*flags, "--metrics-port", "0") as running:
        for probe in own.probes:
            program, *arguments = map(translate, probe["exec"]["command"])
            assert program == "riskmask"
            asked = [sys.executable, "-m", "riskmask.client", *arguments]
            done = subprocess.run(asked, capture_output=True, text=True, timeout=120, check=False)
            assert (done.returncode, done.stdout.strip()) == (0, "SERVING"), done.stderr
        assert "metrics on http://0.0.0.0:" in running.said
        tcp = [each for each in running.addresses if not each.startswith("unix:")]
        for address in tcp:
            port = address.rpartition(":")[2]
            authority = (tmp_path / "tls" / "tls.crt").read_bytes()
            named = f"localhost:{port}"
            with (
                Client(named, root_certificates=authority, timeout=60) as stranger,
                pytest.raises(NotAuthorized),
            ):
                stranger.analyze(png)
            token = "a-token-of-some-length"
            with Client(named, root_certificates=authority, token=token, timeout=60) as client:
                assert client.analyze(png).decision


def test_comments_name_variables_options_and_files_that_exist() -> None:
    options = set(ServerSettings.model_fields)
    for path in sorted(each for each in DEPLOY.rglob("*") if each.is_file()):
        text = path.read_text(encoding="utf-8")
        variables = set(re.findall(r"RISKMASK_(\w+)", text))
        assert variables <= {name.upper() for name in options}, path.name
        named = set(re.findall(r"\b(?:max|drain|metrics|keepalive|stream)_[a-z_]+\b", text))
        assert named - {"max_over_time"} <= options, path.name
        for mentioned in re.findall(r"\bdeploy/[\w/.-]+\.\w+", text):
            assert (CHECKOUT / mentioned).is_file(), f"{path.name}: {mentioned}"
