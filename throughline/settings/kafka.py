"""Kafka in the site file."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from throughline.settings._fields import Identifier, Seconds, Section

__all__ = ["EMBEDDED", "KafkaSettings"]

EMBEDDED: Final = "embedded"


class KafkaSettings(Section):
    """How to reach Kafka, and what the topics are called."""

    bootstrap_servers: str = Field(
        EMBEDDED,
        description="`host:port[,host:port]`, or `embedded`: a small broker inside this process tree, for trying out.",
    )
    embedded_port: int = Field(
        9094,
        ge=0,
        le=65535,
        description="Loopback port on which the embedded broker can be reached by your own client; 0: any.",
    )
    prefix: Identifier = Field("throughline", description="First part of every topic's name.")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    sasl_username: str | None = None
    sasl_password: SecretStr | None = Field(None, description="Write it as `${ENV_NAME}`.")
    ssl_cafile: Path | None = None
    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None
    fetch_max_wait: Seconds = Field(0.02, gt=0, description="Longest time a read waits on the broker for new data.")
    compression: Literal["none", "gzip", "snappy", "lz4", "zstd"] = "none"
    request_timeout: Seconds = Field(40.0, gt=0, description="A request without an answer for this long has failed.")
    transaction_timeout: Seconds = Field(
        60.0,
        ge=1.0,
        description="A transaction that has not ended for this long is aborted by Kafka. Until then, what follows the records "
        "of a process that died in the midst of one is held back, unless its successor takes over, which is at once.",
    )
    session_timeout: Seconds = Field(
        6.0,
        ge=1.0,
        description="A member of a group that was not heard of for this long is taken for dead, and others get its partitions. "
        "The broker's `group.min.session.timeout.ms` (6 s) is the least.",
    )
    partitions: int = Field(1, ge=1, description="Partitions of topics that Throughline creates itself; one site uses one.")
    replication: int = Field(1, ge=1, description="Replicas of topics that Throughline creates itself.")
    min_insync_replicas: int = Field(
        1, ge=1, description="Replicas that must have a record before it is acknowledged; with three `replication`, take 2."
    )
    snapshot_interval: Seconds = Field(
        60.0,
        gt=0,
        description="Event time between two snapshots of a matcher: as much is read again after a crash. Not with the embedded "
        "broker.",
    )
    tracklet_retention: Seconds = Field(
        604800.0,
        gt=0,
        description="How long tracklets are kept: the farthest that a matcher can look back when it starts, or `replay` can.",
    )

    @model_validator(mode="after")
    def _enough_replicas(self) -> Self:
        if self.min_insync_replicas > self.replication:
            raise ValueError(
                f"min_insync_replicas ({self.min_insync_replicas}) cannot be more than replication ({self.replication})"
            )
        return self

    @field_validator("bootstrap_servers")
    @classmethod
    def _host_and_port(cls, servers: str) -> str:
        if servers == EMBEDDED:
            return servers
        for server in servers.split(","):
            host, colon, port = server.strip().rpartition(":")
            if not (host and colon and port.isdigit() and 0 < int(port) < 65536):
                raise ValueError(f"{server.strip()!r} is not host:port")
        return servers

    def topic(self, name: str) -> str:
        """Full name of a topic, such as ``throughline.matches`` for ``matches``."""
        return f"{self.prefix}.{name}"
