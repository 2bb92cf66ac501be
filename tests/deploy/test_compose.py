"""No container engine runs in the tests: they hold the Compose file to everything around it that it must agree with."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from simulation.drawn_road import draw_road
from throughline.commands.main import build_parser
from throughline.settings import Site, load_site

OWN = {"streams", "matcher", "cameras"}
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


@pytest.fixture(scope="session")
def folder(deploy: Path) -> Path:
    return deploy / "compose"


@pytest.fixture(scope="session")
def text(folder: Path) -> str:
    return (folder / "compose.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def services(text: str) -> dict[str, dict[str, Any]]:
    filled = VARIABLE.sub(lambda match: match[3] if match[2] == "-" else "given", text)
    content: dict[str, dict[str, Any]] = yaml.safe_load(filled)["services"]
    return content


@pytest.fixture(scope="session")
def site(folder: Path) -> Site:
    return load_site(folder / "site" / "site.yaml")


@pytest.fixture(scope="session")
def dockerfile(folder: Path) -> str:
    return (folder / "Dockerfile").read_text(encoding="utf-8")


def test_services_are_pinned_restarted_watched_and_contained(services: dict[str, dict[str, Any]]) -> None:
    assert services.keys() == OWN | {"kafka", "prometheus", "grafana"}
    for name, service in services.items():
        assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+\.\d+", service["image"]), name
        assert service["restart"] == "unless-stopped", name
        assert {"test", "interval", "timeout", "retries", "start_period"} <= service["healthcheck"].keys(), name
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert not {"privileged", "network_mode", "pid", "user"} & service.keys(), name
        for port in service.get("ports", ()):
            assert port.startswith("127.0.0.1:"), f"{name} is open to the network"
    for name in OWN:
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]


def test_workers_and_matcher_are_ready_when_they_say_so(services: dict[str, dict[str, Any]], site: Site) -> None:
    for name in ("streams", "matcher"):
        assert f"http://127.0.0.1:{site.telemetry.port}/readyz" in services[name]["healthcheck"]["test"][-1]


def test_commands_are_understood(services: dict[str, dict[str, Any]], dockerfile: str) -> None:
    assert 'ENTRYPOINT ["throughline"]' in dockerfile
    parser = build_parser()
    for part in ("streams", "matcher"):
        options = parser.parse_args(services[part]["command"])
        assert (options.command, options.only, options.site) == ("run", [part], [Path("/site/site.yaml")])
    assert services["streams"]["volumes"][0] == services["matcher"]["volumes"][0] == "./site:/site:ro"


def test_simulated_cameras_are_those_of_the_site(
    services: dict[str, dict[str, Any]], site: Site, dockerfile: str, tmp_path: Path
) -> None:
    road = draw_road(tmp_path, seconds=1, size=(64, 36))
    command = services["cameras"]["command"]
    served = dict(argument.split("=") for argument in command if "=" in argument)
    assert served == {name: f"/footage/{clip.name}" for name, clip in road.clips.items()}
    assert 'ENTRYPOINT ["python", "-m", "simulation.rtsp"]' in dockerfile
    assert "CMD [" + ", ".join(f'"{argument}"' for argument in command) + "]" in dockerfile
    assert "/tmp/roads/drawn-road-*/ /footage/" in dockerfile  # noqa: S108 - a path in the image
    assert road.folder.name.startswith("drawn-road-")
    port = command[command.index("--port") + 1]
    assert {camera.id: camera.url for camera in site.cameras} == {name: f"rtsp://cameras:{port}/{name}" for name in served}
    drawn = load_site(road.site)
    assert site.links == drawn.links
    assert site.models == drawn.models
    assert services["cameras"]["profiles"] == ["trial"]


def test_everything_that_is_mounted_or_copied_exists(
    services: dict[str, dict[str, Any]], folder: Path, dockerfile: str, text: str
) -> None:
    named = yaml.safe_load(text)["volumes"]
    for name, service in services.items():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in named or (folder / source).exists(), (name, volume)
        if "build" in service:
            assert (folder / service["build"]["context"] / service["build"]["dockerfile"]).resolve() == folder / "Dockerfile"
            assert re.search(rf"^FROM \S+ AS {service['build']['target']}$", dockerfile, re.MULTILINE)
    root = (folder / "../..").resolve()
    kept = [line[1:] for line in (folder / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [words.split()[:-1] for words in re.findall(r"^COPY (?!--)(.+)$", dockerfile, re.MULTILINE)]
    assert copied
    for source in (source for sources in copied for source in sources):
        assert (root / source).exists(), source
        assert any(fnmatch.fnmatch(source, pattern) for pattern in kept), f"{source} does not reach the build"


def test_the_image_holds_all_packages_pinned(dockerfile: str, deploy: Path) -> None:
    project = tomllib.loads((deploy.parent / "pyproject.toml").read_text(encoding="utf-8"))
    for package in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        assert f"\nCOPY {package} {package}\n" in dockerfile
    assert "--require-hashes -r requirements/runtime.txt" in dockerfile
    assert re.search(r"^ARG PYTHON=python:3\.1[1-9]-slim-\w+$", dockerfile, re.MULTILINE)
    assert all(base.startswith("${PYTHON}") or base == "runtime" for base in re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE))
    assert "\nUSER throughline\n" in dockerfile
    assert "USER root" not in dockerfile


def test_prometheus_finds_the_parts(services: dict[str, dict[str, Any]], site: Site, deploy: Path) -> None:
    configuration = yaml.safe_load((deploy / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    targets = {}
    for job in configuration["scrape_configs"]:
        assert job["honor_labels"] is True
        for group in job["static_configs"]:
            assert group["labels"] == {"site": site.site}
            targets[job["job_name"]] = group["targets"]
    assert targets == {f"throughline-{part}": [f"{part}:{site.telemetry.port}"] for part in ("streams", "matcher")}
    assert targets.keys() <= {f"throughline-{name}" for name in services}
    assert site.telemetry.host == "0.0.0.0"  # noqa: S104 - in its container
    mounted = dict(volume.split(":")[:2] for volume in services["prometheus"]["volumes"])
    assert mounted["../prometheus/prometheus.yml"] == "/etc/prometheus/prometheus.yml"
    assert mounted["../prometheus/rules"] == "/etc/prometheus/rules"
    assert "--config.file=/etc/prometheus/prometheus.yml" in services["prometheus"]["command"]
    assert configuration["rule_files"] == ["rules/*.yml"]  # relative to the configuration


def test_grafana_finds_prometheus_and_the_dashboard(services: dict[str, dict[str, Any]], deploy: Path) -> None:
    provisioning = deploy / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text())["datasources"]
    address = urlsplit(source["url"])
    assert address.hostname == "prometheus"
    assert services["prometheus"]["ports"][0].endswith(f":{address.port}")
    scraping = yaml.safe_load((deploy / "prometheus" / "prometheus.yml").read_text())["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == scraping
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "throughline.yaml").read_text())["providers"]
    mounted = dict(volume.split(":")[:2] for volume in services["grafana"]["volumes"])
    assert mounted["../grafana/dashboards"] == provider["options"]["path"]
    assert mounted["../grafana/provisioning"] == "/etc/grafana/provisioning"
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/throughline.json"


def test_kafka_is_where_the_site_looks_and_of_the_version_that_is_tested(
    services: dict[str, dict[str, Any]], site: Site, deploy: Path
) -> None:
    kafka = services["kafka"]
    settings = kafka["environment"]
    advertised = dict(part.split("://") for part in settings["KAFKA_ADVERTISED_LISTENERS"].split(","))
    listening = dict(part.split("://") for part in settings["KAFKA_LISTENERS"].split(","))
    assert advertised["INTERNAL"] == site.kafka.bootstrap_servers == f"kafka{listening['INTERNAL']}"
    assert kafka["ports"] == [f"127.0.0.1:{advertised['HOST'].split(':')[1]}{listening['HOST']}"]
    assert {part.split(":")[0] for part in settings["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")} == listening.keys()
    assert kafka["volumes"] == [f"kafka:{settings['KAFKA_LOG_DIRS']}"]
    tested = re.search(r"<kafka.version>(.+)</kafka.version>", (deploy.parent / "tests/support/kafka/pom.xml").read_text())
    assert tested is not None
    assert kafka["image"] == f"apache/kafka:{tested[1]}"


def test_waiting_is_for_services_that_can_become_healthy(services: dict[str, dict[str, Any]]) -> None:
    for service in services.values():
        for other, how in service.get("depends_on", {}).items():
            assert how["condition"] == "service_healthy"
            assert "healthcheck" in services[other]
            assert how.get("required", True) == ("profiles" not in services[other])


def test_nothing_secret_is_inside_and_every_variable_is_explained(text: str, folder: Path) -> None:
    example = dict(re.findall(r"^(\w+)=(.*)$", (folder / ".env.example").read_text(), re.MULTILINE))
    used = {name: (kind, value) for name, kind, value in VARIABLE.findall(text)}
    assert used.keys() | {"COMPOSE_PROFILES"} == example.keys()
    for name, (kind, value) in used.items():
        if "PASSWORD" in name:
            assert kind == "?", "no default for a secret"
            assert example[name] == ""
        else:
            assert (kind, value) == ("-", example[name])
    assert not re.search(r"(?im)^\s*\w*(password|secret|token)\w*:\s*(?!\$\{)\S", text)
    assert {".env", "cameras.env"} <= set((folder / ".gitignore").read_text().split())


def test_compose_itself_accepts_the_file(folder: Path) -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, timeout=60, check=False).returncode:
        pytest.skip("docker compose is not installed")
    environment = {**os.environ, "GRAFANA_ADMIN_PASSWORD": "x"}
    command = [docker, "compose", "-f", str(folder / "compose.yaml"), "--profile", "trial", "config", "--quiet"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 0, result.stderr
