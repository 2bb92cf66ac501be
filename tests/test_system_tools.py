"""The script that gets what tests against real services need: it never asks, never surprises, and says what is missing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("system_tools.sh")
ALL = ("java", "mvn", "prometheus", "promtool")


class Machine:
    """A machine with just the given programs; ``apt-get install`` adds all that are missing when it works."""

    def __init__(self, folder: Path) -> None:
        self.bin, self.calls = folder / "bin", folder / "calls"
        self.bin.mkdir()
        self.calls.touch()
        (self.bin / "env").symlink_to("/usr/bin/env")
        self.program("id", "echo 1000")

    def program(self, name: str, body: str = ":") -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def root(self) -> None:
        self.program("id", "echo 0")

    def apt(self, *, works: bool) -> None:
        adds = "\n".join(f"printf '#!/bin/sh\\n' > {self.bin}/{name}; /bin/chmod +x {self.bin}/{name}" for name in ALL)
        log = f'echo "$* RUNLEVEL=$RUNLEVEL $DEBIAN_FRONTEND" >> {self.calls}; echo noise; echo noise >&2'
        self.program("apt-get", f'{log}\ncase "$*" in *update*) exit 0 ;; esac\n{adds if works else "exit 100"}')

    def run(self, **environment: str) -> subprocess.CompletedProcess[str]:
        variables = {"PATH": str(self.bin), **environment}
        return subprocess.run(["/bin/sh", str(SCRIPT)], env=variables, capture_output=True, text=True, check=False)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_it_can_be_executed() -> None:
    assert os.access(SCRIPT, os.X_OK)


def test_with_everything_there_it_does_and_says_nothing(machine: Machine) -> None:
    machine.root()
    machine.apt(works=True)
    for name in ALL:
        machine.program(name)
    result = machine.run(THROUGHLINE_REQUIRE_SERVICES="1")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert machine.calls.read_text() == ""


def test_as_root_it_installs_what_is_missing_and_starts_no_daemon(machine: Machine) -> None:
    machine.root()
    machine.apt(works=True)
    machine.program("java")
    result = machine.run(THROUGHLINE_REQUIRE_SERVICES="1")
    assert (result.returncode, result.stderr) == (0, "")
    assert len(result.stdout.splitlines()) == 1
    update, install = machine.calls.read_text().splitlines()
    assert "update" in update
    assert "--no-install-recommends maven prometheus RUNLEVEL=1 noninteractive" in install
    assert "jre" not in install


def test_it_uses_a_sudo_that_does_not_ask(machine: Machine) -> None:
    machine.apt(works=True)
    machine.program("sudo", f'echo sudo "$1" >> {machine.calls}\n[ "$1" = -n ] && shift\n"$@"')
    machine.program("true")
    assert machine.run().returncode == 0
    assert "sudo -n" in machine.calls.read_text()
    assert "default-jre-headless maven prometheus" in machine.calls.read_text()


@pytest.mark.parametrize(("required", "code"), [("0", 0), ("1", 1)])
def test_where_it_may_not_install_it_says_what_is_skipped(machine: Machine, required: str, code: int) -> None:
    machine.apt(works=True)
    machine.program("java")
    machine.program("prometheus")
    machine.program("promtool")
    result = machine.run(THROUGHLINE_REQUIRE_SERVICES=required)
    assert (result.returncode, result.stdout) == (code, "")
    (line,) = result.stderr.splitlines()
    assert "missing mvn" in line
    assert "tests against Apache Kafka will be skipped" in line
    assert machine.calls.read_text() == ""


def test_a_machine_that_cannot_draw_is_told_so_and_tests_go_on(machine: Machine) -> None:
    machine.root()
    machine.apt(works=False)
    for name in ALL:
        machine.program(name)
    machine.program("ldconfig", "echo libEGL.so.1")
    result = machine.run(THROUGHLINE_REQUIRE_SERVICES="1")
    assert result.returncode == 0
    assert result.stdout == "tests: installing libegl1 libgl1 libgl1-mesa-dri (for tests that need them)\n"
    assert "tests that draw the city will be skipped" in result.stderr
    machine.program("ldconfig", "echo libEGL_mesa.so.0")
    assert machine.run().stderr == ""


def test_an_installation_that_fails_is_no_failure_of_the_tests(machine: Machine) -> None:
    machine.root()
    machine.apt(works=False)
    result = machine.run()
    assert result.returncode == 0
    (line,) = result.stderr.splitlines()
    assert "missing java mvn prometheus" in line
    assert "tests against Apache Kafka and tests with Prometheus will be skipped" in line
