"""A real Apache Kafka on this machine: one process, loopback only, its jars fetched by Maven into a cache."""

from __future__ import annotations

import base64
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

__all__ = ["KafkaServer", "kafka_jars"]

POM = Path(__file__).with_name("kafka") / "pom.xml"
PASSWORD = "changeit"  # noqa: S105 - of a broker that lives for the length of a test
USER = "throughline"
START_SECONDS = 90.0
_DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{plain},SASL_SSL://127.0.0.1:{secure},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SASL_SSL://127.0.0.1:{secure}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
log.dirs={folder}/log
offsets.topic.replication.factor=1
offsets.topic.num.partitions=3
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=3
transaction.abort.timed.out.transaction.cleanup.interval.ms=500
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
auto.create.topics.enable=true
ssl.keystore.type=PKCS12
ssl.keystore.location={folder}/broker.p12
ssl.keystore.password={password}
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}="{password}";
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
"""


def _unavailable(reason: str) -> None:
    if os.environ.get("THROUGHLINE_REQUIRE_SERVICES") == "1":
        pytest.fail(f"Apache Kafka is required (THROUGHLINE_REQUIRE_SERVICES=1): {reason}", pytrace=False)
    pytest.skip(f"needs Apache Kafka: {reason}")


def kafka_jars() -> Path:
    """The folder with Kafka's jars; fetched once, then kept. Skips the test where that is impossible."""
    if shutil.which("java") is None:
        _unavailable("no java; tests/system_tools.sh installs it")
    found = re.search(r"<kafka\.version>(.+)</kafka\.version>", POM.read_text())
    assert found is not None
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "throughline"
    jars = cache / f"kafka-{found[1]}"
    if jars.is_dir():
        return jars
    if shutil.which("mvn") is None:
        _unavailable("no Maven (mvn) to fetch it; tests/system_tools.sh installs it")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        arguments = ["-q", "-B", "-f", str(POM), "dependency:copy-dependencies", "-DincludeScope=runtime"]
        result = subprocess.run(
            ["mvn", *arguments, f"-DoutputDirectory={folder}/jars"], capture_output=True, text=True, check=False, timeout=300
        )
        if result.returncode != 0:
            _unavailable(f"Maven could not fetch it: {(result.stdout + result.stderr).strip().splitlines()[:1]}")
        try:
            Path(folder, "jars").rename(jars)
        except OSError:  # another run was faster
            assert jars.is_dir()
    return jars


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class KafkaServer:
    """One broker, which is its own controller. It can be killed and started again with what it had stored.

    Args:
        folder: Where it keeps its data and its log.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._jars = folder, kafka_jars()
        self._plain, self._secure, controller = _free_port(), _free_port(), _free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._properties = folder / "server.properties"
        text = _PROPERTIES.format(
            plain=self._plain, secure=self._secure, controller=controller, folder=folder, password=PASSWORD, user=USER
        )
        self._properties.write_text(text)
        self.certificate = folder / "broker.pem"
        self._make_certificate()
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # One word: an identifier that begins with "-" would be taken for an option.
        self._java("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "--config", str(self._properties),
                   "--add-scram", f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]")  # fmt: skip

    @property
    def bootstrap_servers(self) -> str:
        """Without security."""
        return f"127.0.0.1:{self._plain}"

    @property
    def secure_servers(self) -> str:
        """With TLS (its authority is `certificate`) and SASL (`USER`, `PASSWORD`; PLAIN or SCRAM-SHA-512)."""
        return f"127.0.0.1:{self._secure}"

    @property
    def log(self) -> str:
        """What the broker has to say."""
        return (self._folder / "broker.log").read_text(errors="replace")

    def start(self) -> None:
        """Starts it and waits until it answers."""
        self.launch()
        self.wait_until_ready()

    def launch(self) -> None:
        """Starts it; it ends with the calling thread, at the latest."""
        with (self._folder / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command("-Xmx512m"), "kafka.Kafka", str(self._properties)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent,
            )

    def wait_until_ready(self) -> None:
        """Returns when it answers."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                admin = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})
                if admin.list_topics(timeout=1.0).brokers:
                    return
            except KafkaException:
                pass
            if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"Kafka did not start:\n{self.log[-3000:]}")

    def stop(self) -> None:
        """Stops it in an orderly way, or kills it."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
            self._process = None

    def kill(self) -> None:
        """Kills it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def suspend(self) -> None:
        """Hangs it: connections stay, nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _command(self, memory: str) -> list[str]:
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        return ["java", memory, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", quiet, "-cp", f"{self._jars}/*"]

    def _java(self, *arguments: str) -> None:
        result = subprocess.run([*self._command("-Xmx256m"), *arguments], capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stdout + result.stderr

    def _make_certificate(self) -> None:
        store = [
            "-keystore",
            str(self._folder / "broker.p12"),
            "-storetype",
            "PKCS12",
            "-storepass",
            PASSWORD,
            "-alias",
            "broker",
        ]
        identity = ["-dname", "CN=127.0.0.1", "-ext", "SAN=ip:127.0.0.1", "-validity", "2"]
        for arguments in (
            ["-genkeypair", "-keyalg", "EC", "-groupname", "secp256r1", "-keypass", PASSWORD, *identity],
            ["-exportcert", "-rfc", "-file", str(self.certificate)],
        ):
            result = subprocess.run(["keytool", *arguments, *store], capture_output=True, text=True, check=False)
            assert result.returncode == 0, result.stdout + result.stderr


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGKILL)
