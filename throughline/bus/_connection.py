"""From settings to the arguments of an aiokafka client, and from its failures to one clear line."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

from aiokafka.conn import create_conn
from aiokafka.errors import KafkaError
from aiokafka.helpers import create_ssl_context

from throughline.bus.records import BusError
from throughline.settings.kafka import KafkaSettings

__all__ = ["connection_arguments", "explain", "reach"]

_ANSWER_SECONDS = 15.0
"""A request without an answer for this long is repeated on a new connection: a network that lost it is not waited for until
the whole time of `KafkaSettings.request_timeout` is over. Longer than a group may hold a join back (10 s)."""


def connection_arguments(settings: KafkaSettings, servers: str) -> dict[str, Any]:
    """Arguments that aiokafka's client, producer, consumer and admin have in common.

    Raises:
        BusError: a certificate or key cannot be read.
    """
    arguments: dict[str, Any] = {
        "bootstrap_servers": servers,
        "client_id": "throughline",
        "request_timeout_ms": round(min(settings.request_timeout, _ANSWER_SECONDS) * 1000),
        "retry_backoff_ms": 100,
        "security_protocol": settings.security_protocol,
    }
    if settings.security_protocol.endswith("SSL"):
        arguments["ssl_context"] = _ssl_context(settings)
    if settings.security_protocol.startswith("SASL"):
        password = settings.sasl_password
        arguments["sasl_mechanism"] = settings.sasl_mechanism or "PLAIN"
        arguments["sasl_plain_username"] = settings.sasl_username or ""
        arguments["sasl_plain_password"] = "" if password is None else password.get_secret_value()
    return arguments


def _ssl_context(settings: KafkaSettings) -> ssl.SSLContext:
    try:
        context: ssl.SSLContext = create_ssl_context(
            cafile=settings.ssl_cafile, certfile=settings.ssl_certfile, keyfile=settings.ssl_keyfile
        )
    except (OSError, ssl.SSLError) as error:
        fields = ("ssl_cafile", "ssl_certfile", "ssl_keyfile")
        given = ", ".join(f"kafka.{field} = {value}" for field in fields if (value := getattr(settings, field)) is not None)
        raise BusError(f"the certificates for Kafka cannot be read ({given}): {error}") from error
    return context


async def reach(settings: KafkaSettings, servers: str) -> None:
    """Makes sure that one of the servers answers, by opening a connection to it, security included.

    aiokafka's own bootstrap hides why it failed; this finds out.

    Raises:
        BusError: none does; the text says why for each.
    """
    arguments = connection_arguments(settings, servers)
    for name in ("bootstrap_servers", "retry_backoff_ms"):  # of a client, not of a connection
        del arguments[name]
    reasons = []
    for server in servers.split(","):
        host, _, port = server.strip().rpartition(":")
        try:
            connection = await create_conn(host.strip("[]"), int(port), **arguments)
        except (OSError, KafkaError, TimeoutError, asyncio.IncompleteReadError) as error:
            reasons.append(f"{server.strip()}: {explain(error)}")
        else:
            connection.close()
            return
    raise BusError(
        f"Kafka cannot be reached ({'; '.join(reasons)}): is it running, and are kafka.bootstrap_servers and "
        f"kafka.security_protocol ({settings.security_protocol}) in the site file right?"
    )


def explain(error: BaseException) -> str:
    """What went wrong, in a few words."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return str(error) or type(error).__name__
