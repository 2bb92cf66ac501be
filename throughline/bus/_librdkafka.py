"""From settings to the configuration of a librdkafka client, which does what aiokafka cannot: transactions that are safe.

aiokafka's transactional producer commits although a batch was refused, commits offsets without the group's generation, fences
a successor when it starts anew, and cannot be given up while a broker is away. librdkafka's does none of that.
"""

from __future__ import annotations

import logging
import struct
from typing import Any, Final

from throughline.bus.records import Membership
from throughline.settings.kafka import KafkaSettings

__all__ = ["client_configuration", "group_metadata"]

_LOGGER: Final = logging.getLogger("librdkafka")
_LONGEST_BACKOFF_MILLISECONDS: Final = 1000  # by default it may take ten seconds to see that a broker is back
_MAGIC: Final = b"CGMDv2:"
_NO_INSTANCE: Final = b"\x01"


def client_configuration(settings: KafkaSettings, servers: str) -> dict[str, Any]:
    """What every librdkafka client needs to reach Kafka, security included."""
    configuration: dict[str, Any] = {
        "bootstrap.servers": servers,
        "client.id": "throughline",
        "security.protocol": settings.security_protocol,
        "reconnect.backoff.max.ms": _LONGEST_BACKOFF_MILLISECONDS,
        "logger": _LOGGER,
    }
    if settings.security_protocol.endswith("SSL"):
        files = {"ca": settings.ssl_cafile, "certificate": settings.ssl_certfile, "key": settings.ssl_keyfile}
        configuration |= {f"ssl.{name}.location": str(path) for name, path in files.items() if path is not None}
    if settings.security_protocol.startswith("SASL"):
        password = settings.sasl_password
        configuration |= {
            "sasl.mechanism": settings.sasl_mechanism or "PLAIN",
            "sasl.username": settings.sasl_username or "",
            "sasl.password": "" if password is None else password.get_secret_value(),
        }
    return configuration


def group_metadata(membership: Membership) -> bytes:
    """A membership as librdkafka's own consumer would hand it to its producer; ours is aiokafka's.

    The layout is that of ``rd_kafka_consumer_group_metadata_write``, which names its version at the front.
    """
    generation = struct.pack("=i", membership.generation)
    return _MAGIC + generation + membership.group.encode() + b"\0" + membership.member.encode() + b"\0" + _NO_INSTANCE
