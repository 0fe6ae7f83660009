"""Dockerfile, docker-compose.yml, k8s/, fly.toml and the workflows fit the product, and each other."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from app import config
from app.application import build
from tests.server import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PORT = 8080
OTHER_SESSIONS = 30
"""Of jobs, operators, monitoring and backups; see docs/deployment.md."""

DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
FLY: dict[str, Any] = tomllib.loads((ROOT / "fly.toml").read_text())
WORKFLOWS = {path.name: path.read_text() for path in (ROOT / ".github/workflows").glob("*.yml")}
MANIFESTS: dict[tuple[str, str], dict[str, Any]] = {
    (document["kind"], document.get("metadata", {}).get("name", path.parent.name)): document
    for path in (ROOT / "k8s").rglob("*.yaml")
    for document in yaml.safe_load_all(path.read_text())
}
DEPLOYMENT = MANIFESTS["Deployment", "api"]["spec"]
SETTINGS = MANIFESTS["ConfigMap", "api"]["data"]
CONTAINER = DEPLOYMENT["template"]["spec"]["containers"][0]
PROBES = [CONTAINER[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")]
API = COMPOSE["services"]["api"]


@pytest.fixture
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [name for name in os.environ if name.startswith(config.PREFIX)]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("PM__DATABASE__URL", "postgresql://nobody@localhost/none")


def image_variables() -> dict[str, str]:
    """What the image of the API sets."""
    return dict(re.findall(r"(PM__\w+)=(\S+)", DOCKERFILE))


@pytest.mark.usefixtures("no_variables")
@pytest.mark.parametrize(
    "variables",
    [
        pytest.param(image_variables(), id="Dockerfile"),
        pytest.param(API["environment"], id="docker-compose.yml"),
        pytest.param(SETTINGS | MANIFESTS["Secret", "api"]["stringData"], id="k8s"),
        pytest.param(FLY["env"], id="fly.toml"),
    ],
)
def test_the_server_takes_every_setting(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    config.load()


def test_each_names_the_port_that_the_image_listens_on() -> None:
    [published] = API["ports"]
    assert {
        image_variables()["PM__SERVER__PORT"],
        re.findall(r"^EXPOSE (\d+)$", DOCKERFILE, re.MULTILINE)[0],
        API["environment"]["PM__SERVER__PORT"],
        published.rpartition(":")[2],
        SETTINGS["PM__SERVER__PORT"],
        FLY["env"]["PM__SERVER__PORT"],
        str(FLY["http_service"]["internal_port"]),
        str(FLY["metrics"]["port"]),
        *(str(port["containerPort"]) for port in CONTAINER["ports"]),
    } == {str(PORT)}
    named = {*(probe["port"] for probe in PROBES), MANIFESTS["Service", "api"]["spec"]["ports"][0]["targetPort"]}
    assert named == {CONTAINER["ports"][0]["name"]}


@pytest.mark.usefixtures("no_variables")
def test_every_probe_has_a_route(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.logs.configure", lambda *_: None)
    routes = {route.path for route in build(config.load()).routes}  # type: ignore[attr-defined]
    probed = {
        *(probe["path"] for probe in PROBES),
        *(check["path"] for check in FLY["http_service"]["checks"]),
        *re.findall(r"'(/api/[^']+)'", DOCKERFILE),
        FLY["metrics"]["path"],
        *(path for text in WORKFLOWS.values() for path in re.findall(r"[L\d](/api/(?!v1/query)[\w/]+)", text)),
    }
    assert probed >= {"/api/health/live", "/api/health/ready", "/metrics", "/api/v1/devices/register"}
    assert probed <= routes


def test_a_stopping_server_is_given_its_time() -> None:
    defaults = tomllib.loads((ROOT / "config/default.toml").read_text())["server"]
    for settings, seconds in (
        (SETTINGS, DEPLOYMENT["template"]["spec"]["terminationGracePeriodSeconds"]),
        (FLY["env"], FLY["kill_timeout"]),
        (API["environment"], int(API["stop_grace_period"].removesuffix("s"))),
    ):
        drain = int(settings.get("PM__SERVER__DRAIN_SECONDS", defaults["drain_seconds"]))
        shutdown = int(settings.get("PM__SERVER__SHUTDOWN_TIMEOUT_SECONDS", defaults["shutdown_timeout_seconds"]))
        assert seconds >= drain + shutdown + 5


def test_postgresql_has_room_for_all_pods() -> None:
    scaler = MANIFESTS["HorizontalPodAutoscaler", "api"]["spec"]
    ending = 1
    assert DEPLOYMENT["minReadySeconds"] >= DEPLOYMENT["template"]["spec"]["terminationGracePeriodSeconds"]
    assert [policy["value"] for policy in scaler["behavior"]["scaleDown"]["policies"]] == [ending]
    pods = scaler["maxReplicas"] + DEPLOYMENT["strategy"]["rollingUpdate"]["maxSurge"] + ending
    probe = 1
    connections = int(SETTINGS["PM__DATABASE__MAX_CONNECTIONS"]) + probe
    sessions = pods * int(SETTINGS["PM__SERVER__WORKERS"]) * connections
    found = re.search(r"^max_connections = (\d+)", (ROOT / "ops/postgres/postgresql.conf").read_text(), re.MULTILINE)
    assert found
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 10)
    assert sessions + OTHER_SESSIONS <= int(found[1])
    assert f"= {sessions + OTHER_SESSIONS} of {found[1]};" in (ROOT / "docs/deployment.md").read_text()


def test_the_database_must_prove_who_it_is() -> None:
    [path] = {item["mountPath"] for item in CONTAINER["volumeMounts"] if item["name"] == "database-ca"}
    [guest] = [item["guest_path"] for item in FLY["files"]]
    guide = (ROOT / "docs/deployment.md").read_text()
    assert list(MANIFESTS["Secret", "database-ca"]["stringData"]) == ["ca.crt"]
    for url in MANIFESTS["Secret", "api"]["stringData"].values():
        assert url.endswith(f"?sslmode=verify-full&sslrootcert={path}/ca.crt")
    owner = MANIFESTS["Secret", "owner"]["stringData"]
    assert (owner["PGSSLMODE"], owner["PGSSLROOTCERT"]) == ("verify-full", f"{path}/ca.crt")
    [job] = MANIFESTS["Job", "migrate"]["spec"]["template"]["spec"]["containers"]
    assert [item["mountPath"] for item in job["volumeMounts"]] == [path]
    assert f"?sslmode=verify-full&sslrootcert={guest}'" in guide
    assert "PGSSLMODE: verify-full" in WORKFLOWS["deploy.yml"]


def test_groups_are_not_named_where_everybody_may_ask_for_metrics() -> None:
    assert FLY["env"]["PM__SERVER__METRICS_MAX_GROUPS"] == "0"


def test_selectors_find_the_pods() -> None:
    labels = DEPLOYMENT["template"]["metadata"]["labels"]
    selectors = [
        DEPLOYMENT["selector"]["matchLabels"],
        MANIFESTS["Service", "api"]["spec"]["selector"],
        MANIFESTS["PodDisruptionBudget", "api"]["spec"]["selector"]["matchLabels"],
        MANIFESTS["NetworkPolicy", "phone-manager"]["spec"]["podSelector"]["matchLabels"],
        *(c["labelSelector"]["matchLabels"] for c in DEPLOYMENT["template"]["spec"]["topologySpreadConstraints"]),
    ]
    assert all(selector.items() <= labels.items() for selector in selectors)


@pytest.mark.parametrize("name", [("Deployment", "api"), ("Job", "migrate")])
def test_pods_may_do_nothing_they_need_not(name: tuple[str, str]) -> None:
    pod = MANIFESTS[name]["spec"]["template"]["spec"]
    user = re.search(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE)
    assert user
    assert pod["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": int(user[1]),
        "runAsGroup": int(user[2]),
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }


def test_what_is_built_are_targets_of_the_dockerfile() -> None:
    targets = set(re.findall(r"^FROM \S+ AS (\w+)$", DOCKERFILE, re.MULTILINE))
    built = {service["build"].get("target") for service in COMPOSE["services"].values() if "build" in service} - {None}
    built |= {FLY["build"]["build-target"]}
    for loop in re.findall(r"for target in (.+);", "".join(WORKFLOWS.values())):
        built |= set(loop.split())
    assert built == targets - {"packages"}


def test_the_image_has_what_the_server_reads(tmp_path: Path) -> None:
    stage = DOCKERFILE.partition(" AS api\n")[2].partition("\nFROM ")[0]
    for source, target in re.findall(r"^COPY (?!--from)(\S+) (\S+)$", stage, re.MULTILINE):
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, tmp_path / target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (tmp_path / target).mkdir(exist_ok=True)
            shutil.copy(ROOT / source, tmp_path / target)
    program = """
from starlette.testclient import TestClient
from app.application import create

application = create()
paths = [route.path for route in application.routes if route.path.startswith(("/api/docs", "/api/openapi"))]
print(len(paths), *(path for path in paths if TestClient(application).get(path).status_code != 200))
"""
    environment = {"PATH": os.environ["PATH"], "PM__DATABASE__URL": "postgresql://nobody@localhost/none"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "5"


def test_every_file_that_is_copied_or_mounted_is_there() -> None:
    sources = re.findall(
        r"^COPY (?!--from)(.+) \S+$", DOCKERFILE + (ROOT / "ops/postgres/Dockerfile").read_text(), re.MULTILINE
    )
    mounted = [
        volume.partition(":")[0]
        for service in COMPOSE["services"].values()
        for volume in service.get("volumes", [])
        if volume.startswith("./")
    ]
    named = [name for line in sources for name in line.split()] + mounted
    resources = [
        f"{folder}/{name}"
        for folder, text in (("k8s", "kustomization.yaml"), ("k8s/migration", "kustomization.yaml"))
        for name in yaml.safe_load((ROOT / folder / text).read_text())["resources"]
    ]
    assert [name for name in named + resources if not (ROOT / name).exists()] == []


def test_tests_in_containers_find_the_repository_and_its_tags() -> None:
    jobs = yaml.safe_load(WORKFLOWS["ci.yml"])["jobs"]
    inside = [job["steps"] for job in jobs.values() if "container" in job]
    assert len(inside) == 2
    for steps in inside:
        [checkout] = [step["with"] for step in steps if step.get("uses", "").startswith("actions/checkout@")]
        assert checkout == {"persist-credentials": False, "fetch-depth": 0}
        assert any("safe.directory" in step.get("run", "") for step in steps)


@pytest.mark.parametrize(
    ("plan", "script", "code"),
    [
        ("one 2026-01-01T00:00:00Z\n@v1.0.0 2026-01-01T00:00:00Z\n\n", "select 1;\n", 0),
        ("@v1.0.0 2026-01-01T00:00:00Z\n\none 2026-01-01T00:00:00Z\n", "select 1;\n", 1),
        ("one 2026-01-01T00:00:00Z\n@v1.0.0 2026-01-01T00:00:00Z\n", "begin;\n\\ir ../sql/one.sql\n", 1),
    ],
)
def test_only_what_is_released_is_deployed(tmp_path: Path, plan: str, script: str, code: int) -> None:
    steps = yaml.safe_load(WORKFLOWS["deploy.yml"])["jobs"]["deploy"]["steps"]
    names = [step.get("name") for step in steps]
    assert names.index("It is released") < names.index("Migrate")
    (tmp_path / "sqitch.plan").write_text(plan)
    (tmp_path / "deploy").mkdir()
    (tmp_path / "deploy/one.sql").write_text(script)
    command = ["bash", "-e", "-c", steps[names.index("It is released")]["run"]]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == code


def up(directory: Path, *, version: str = "2.24.0", volume: bool = False) -> subprocess.CompletedProcess[str]:
    """Runs a copy of scripts/up with a stand-in for docker, which writes down what it was asked."""
    (directory / "scripts").mkdir(exist_ok=True)
    shutil.copy(ROOT / "scripts/up", directory / "scripts")
    docker = directory / "docker"
    docker.write_text(f"""#!/bin/sh
echo "$*" >>'{directory}/asked'
case $* in
    'compose version --short') echo '{version}'; test -n '{version}' ;;
    'volume inspect phone-manager_database') {str(volume).lower()} ;;
    'compose port api 8080') echo 127.0.0.1:8090 ;;
esac
""")
    docker.chmod(0o755)
    environment = {"PATH": f"{directory}:{os.environ['PATH']}"}
    return subprocess.run([directory / "scripts/up"], env=environment, capture_output=True, text=True, check=False)


def test_up_makes_the_passwords_once_and_tells_where_things_are(tmp_path: Path) -> None:
    variables = tmp_path / ".env"
    variables.write_text("PM_API_PORT=8090")
    variables.chmod(0o644)
    done = up(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "http://localhost:8090 " in done.stdout
    made = variables.read_text()
    assert re.fullmatch(r"PM_API_PORT=8090\n(PM_(OWNER|API|GRAFANA)_PASSWORD=[0-9a-f]{48}\n){3}", made)
    assert variables.stat().st_mode & 0o777 == 0o600
    assert up(tmp_path, volume=True).returncode == 0
    assert variables.read_text() == made
    assert "compose kill --signal HUP prometheus" in (tmp_path / "asked").read_text()


@pytest.mark.parametrize(
    ("version", "volume", "why"),
    [
        ("", False, "docker compose is missing"),
        ("2.23.3", False, "2.24 or newer is needed"),
        ("v2.40.1", True, "phone-manager_database has a database, but .env lacks its passwords"),
    ],
)
def test_up_stops_where_it_could_not_end_well(tmp_path: Path, version: str, why: str, *, volume: bool) -> None:
    done = up(tmp_path, version=version, volume=volume)
    assert done.returncode == 1
    assert why in done.stderr
    assert "PASSWORD" not in ((tmp_path / ".env").read_text() if (tmp_path / ".env").exists() else "")
    assert "up --build" not in (tmp_path / "asked").read_text()


def test_every_service_waits_for_what_it_needs_and_hides_its_ports() -> None:
    services = COMPOSE["services"]
    assert services["migrate"]["depends_on"]["database"]["condition"] == "service_healthy"
    assert services["api"]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_no_password_is_in_the_compose_file() -> None:
    variables = [item for service in COMPOSE["services"].values() for item in service.get("environment", {}).items()]
    secrets = [value for name, value in variables if "PASSWORD" in name or "URL" in name]
    made = set(re.findall(r"PM_\w+_PASSWORD", (ROOT / "scripts/up").read_text()))
    assert len(secrets) == 5
    assert all(re.search(r"\$\{PM_\w+_PASSWORD:\?", value) for value in secrets)
    assert {name for value in secrets for name in re.findall(r"PM_\w+_PASSWORD", value)} == made
