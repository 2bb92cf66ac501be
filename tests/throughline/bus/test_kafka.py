"""What only a real Kafka can show: topics and their settings, security, transactions, refusals."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.cimpl import NewTopic
from pydantic import SecretStr
from structlog.testing import capture_logs

from tests.support.bus import DEADLINE, group, next_offsets, read_count, until
from tests.support.kafka import PASSWORD, USER, KafkaServer
from throughline.bus import STATE, TOPICS, TRACKLETS, BusError, KafkaBus, Membership
from throughline.settings.kafka import EMBEDDED, KafkaSettings
from throughline.telemetry.metrics import Metrics

pytestmark = pytest.mark.kafka


def settings_for(server: KafkaServer, **changes: Any) -> KafkaSettings:
    return KafkaSettings(
        **{"bootstrap_servers": server.bootstrap_servers, "prefix": f"t{uuid.uuid4().hex}", "request_timeout": 20, **changes}
    )


def secure(server: KafkaServer, **changes: Any) -> KafkaSettings:
    return settings_for(
        server,
        **{
            "bootstrap_servers": server.secure_servers,
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "PLAIN",
            "sasl_username": USER,
            "sasl_password": SecretStr(PASSWORD),
            "ssl_cafile": server.certificate,
            **changes,
        },
    )


async def error_of_start(settings: KafkaSettings) -> str:
    bus = KafkaBus(settings, Metrics())
    with pytest.raises(BusError) as caught:
        await bus.start()
    await bus.stop()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def configurations(server: KafkaServer, settings: KafkaSettings) -> dict[str, dict[str, str]]:
    admin = AdminClient({"bootstrap.servers": server.bootstrap_servers})
    found = {}
    for name in TOPICS:
        resource = ConfigResource(ConfigResource.Type.TOPIC, settings.topic(name))
        entries = admin.describe_configs([resource])[resource].result(DEADLINE)
        found[name] = {option: entry.value for option, entry in entries.items()}
    return found


def partition_counts(server: KafkaServer, settings: KafkaSettings) -> dict[str, int]:
    topics = AdminClient({"bootstrap.servers": server.bootstrap_servers}).list_topics(timeout=DEADLINE).topics
    return {name: len(topics[settings.topic(name)].partitions) for name in TOPICS}


def create(server: KafkaServer, topic: str, partitions: int, **options: str) -> None:
    admin = AdminClient({"bootstrap.servers": server.bootstrap_servers})
    config = {option.replace("_", "."): value for option, value in options.items()}
    admin.create_topics([NewTopic(topic, partitions, 1, config=config)])[topic].result(DEADLINE)


async def test_start_creates_what_is_missing_and_leaves_alone_what_is_there(kafka_server: KafkaServer) -> None:
    settings = settings_for(kafka_server, partitions=3, tracklet_retention="2h")
    buses = [KafkaBus(settings, Metrics()) for _ in range(3)]
    await asyncio.gather(*(bus.start() for bus in buses))  # at once: all but one find that another was faster
    other = KafkaBus(settings.model_copy(update={"partitions": 5}), Metrics())
    await other.start()
    for bus in (*buses, other):
        await bus.stop()

    assert partition_counts(kafka_server, settings) == dict.fromkeys(TOPICS, 3)
    options = configurations(kafka_server, settings)
    assert {name: values["cleanup.policy"] for name, values in options.items()} == {
        "tracklets": "delete",
        "matches": "delete",
        "state": "compact",
        "cameras": "compact",
        "dead-letters": "delete",
    }
    assert options["tracklets"]["retention.ms"] == "7200000"
    assert {values["min.insync.replicas"] for values in options.values()} == {"1"}
    assert {values["max.message.bytes"] for values in options.values()} == {str(8 * 1024 * 1024)}


async def test_what_is_created_has_as_many_partitions_as_what_goes_with_it(kafka_server: KafkaServer) -> None:
    settings = settings_for(kafka_server, partitions=2)
    create(kafka_server, settings.topic(TRACKLETS), 5)
    bus = KafkaBus(settings, Metrics())
    await bus.start()
    await bus.stop()
    expected = {"tracklets": 5, "matches": 5, "state": 5, "cameras": 2, "dead-letters": 2}
    assert partition_counts(kafka_server, settings) == expected


async def test_topics_that_go_together_must_have_as_many_partitions(kafka_server: KafkaServer) -> None:
    settings = settings_for(kafka_server)
    create(kafka_server, settings.topic(TRACKLETS), 3)
    create(kafka_server, settings.topic(STATE), 2)
    text = await error_of_start(settings)
    assert f"{settings.topic(TRACKLETS)} has 3, {settings.topic(STATE)} has 2" in text
    assert "kafka-topics.sh --alter" in text


async def test_what_is_set_otherwise_is_warned_of(kafka_server: KafkaServer) -> None:
    settings = settings_for(kafka_server, tracklet_retention="2h")
    create(kafka_server, settings.topic(TRACKLETS), 1, retention_ms="60000", max_message_bytes=str(16 * 1024 * 1024))
    create(kafka_server, settings.topic(STATE), 1, cleanup_policy="delete", max_message_bytes=str(8 * 1024 * 1024))
    bus = KafkaBus(settings, Metrics())
    with capture_logs() as lines:
        await bus.start()
    await bus.stop()
    warnings = [line for line in lines if line["log_level"] == "warning"]
    assert {(line["topic"], line["option"], line["found"], line["wanted"]) for line in warnings} == {
        (settings.topic(TRACKLETS), "retention.ms", "60000", "7200000"),
        (settings.topic(STATE), "cleanup.policy", "delete", "compact"),
    }
    with capture_logs() as lines:  # more than is needed is no reason to warn
        again = KafkaBus(settings.model_copy(update={"tracklet_retention": 30.0}), Metrics())
        await again.start()
    await again.stop()
    assert {line["topic"] for line in lines if line["log_level"] == "warning"} == {settings.topic(STATE)}


async def test_offsets_that_retention_has_taken_are_not_passed_over(kafka_server: KafkaServer) -> None:
    settings = settings_for(kafka_server)
    place = (settings.topic(TRACKLETS), 0)
    bus = KafkaBus(settings, Metrics())
    await bus.start()
    try:
        for number in range(10):
            await bus.publish(place[0], "k", b"%d" % number, {})
        admin = AdminClient({"bootstrap.servers": kafka_server.bootstrap_servers})
        gone = TopicPartition(place[0], 0, 6)
        admin.delete_records([gone])[gone].result(DEADLINE)
        assert await bus.first_offsets([place]) == {place: 6}
        with pytest.raises(BusError, match=r"does not keep offsets 2 to 6 any more.*retention\.ms"):
            async for _ in bus.read(place, 2):
                pass
        consumer = await bus.consumer([place[0]], None)
        with pytest.raises(BusError, match="no offset 5 to go to: it has 6 to 10"):
            await consumer.seek(place, 5)
        assert [record.offset for record in await read_count(consumer, 4)] == [6, 7, 8, 9]
    finally:
        await bus.stop()


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
@pytest.mark.parametrize("compression", ["none", "zstd"])
async def test_transactions_with_tls_a_password_and_compression(
    kafka_server: KafkaServer, mechanism: str, compression: str
) -> None:
    settings = secure(kafka_server, sasl_mechanism=mechanism, compression=compression)
    place, name = (settings.topic(TRACKLETS), 0), group()
    bus = KafkaBus(settings, Metrics())
    await bus.start()
    try:
        transactions = await bus.transactions(uuid.uuid4().hex)
        async with transactions.begin() as transaction:
            await transaction.send(place[0], "k", b"secret" * 1000, {})
            await transaction.commit_offsets(Membership(name), {place: 1})
        assert await bus.committed(name, [place]) == {place: 1}
        (record,) = await read_count(await bus.consumer([place[0]], None), 1)
        assert record.value == b"secret" * 1000
    finally:
        await bus.stop()


async def test_a_topic_that_cannot_be_created_is_named(kafka_server: KafkaServer) -> None:
    settings = settings_for(kafka_server, replication=2)
    text = await error_of_start(settings)
    assert settings.topic(TRACKLETS) in text
    assert "kafka.replication" in text


async def test_a_server_that_is_not_there_is_named_with_the_reason() -> None:
    text = await error_of_start(KafkaSettings(bootstrap_servers="127.0.0.1:9,127.0.0.1:1", request_timeout=5))
    assert "127.0.0.1:9: connection refused" in text
    assert "127.0.0.1:1: connection refused" in text
    assert "kafka.bootstrap_servers" in text


async def test_one_server_of_the_list_is_enough(kafka_server: KafkaServer) -> None:
    settings = settings_for(kafka_server, bootstrap_servers=f"127.0.0.1:9,{kafka_server.bootstrap_servers}")
    bus = KafkaBus(settings, Metrics())
    await bus.start()
    await bus.publish(settings.topic(TRACKLETS), "k", b"v", {})
    await bus.stop()


async def test_a_broker_that_advertises_an_address_nobody_reaches_is_suspected(
    embedded_servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreachable(_: AIOKafkaClient) -> None:
        raise KafkaError("Unable to get cluster metadata over all known brokers")

    monkeypatch.setattr(AIOKafkaClient, "fetch_all_metadata", unreachable)
    text = await error_of_start(KafkaSettings(bootstrap_servers=embedded_servers))
    assert "Unable to get cluster metadata" in text
    assert "brokers are at 127.0.0.1:" in text
    assert "advertised.listeners" in text


def test_without_an_embedded_broker_the_way_to_get_one_is_named() -> None:
    with pytest.raises(BusError, match="open_bus"):
        KafkaBus(KafkaSettings(bootstrap_servers=EMBEDDED), Metrics())


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
async def test_tls_with_a_password(kafka_server: KafkaServer, mechanism: str) -> None:
    settings = secure(kafka_server, sasl_mechanism=mechanism)
    bus = KafkaBus(settings, Metrics())
    await bus.start()
    try:
        await bus.publish(settings.topic(TRACKLETS), "k", b"secret", {})
        (record,) = await read_count(await bus.consumer([settings.topic(TRACKLETS)], group()), 1)
        assert record.value == b"secret"
    finally:
        await bus.stop()


async def test_a_wrong_password_is_called_that(kafka_server: KafkaServer) -> None:
    text = await error_of_start(secure(kafka_server, sasl_password=SecretStr("guessed")))
    assert "authentication" in text.lower()
    assert "guessed" not in text


async def test_a_certificate_that_is_not_trusted_is_called_that(kafka_server: KafkaServer) -> None:
    assert "certificate verify failed" in await error_of_start(secure(kafka_server, ssl_cafile=None))


async def test_a_certificate_that_cannot_be_read_is_named(kafka_server: KafkaServer, tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    assert f"kafka.ssl_cafile = {missing}" in await error_of_start(secure(kafka_server, ssl_cafile=missing))


async def test_the_wrong_kind_of_security_is_suspected(kafka_server: KafkaServer) -> None:
    text = await error_of_start(settings_for(kafka_server, bootstrap_servers=kafka_server.secure_servers, request_timeout=5))
    assert "kafka.security_protocol (PLAINTEXT)" in text


async def test_only_committed_records_are_read_and_nothing_lags_behind_them(kafka_server: KafkaServer) -> None:
    settings = settings_for(kafka_server)
    topic = settings.topic(TRACKLETS)
    bus = KafkaBus(settings, Metrics())
    await bus.start()
    consumer = await bus.consumer([topic], group())
    try:
        async with AIOKafkaProducer(
            bootstrap_servers=kafka_server.bootstrap_servers, transactional_id=uuid.uuid4().hex
        ) as producer:
            await producer.begin_transaction()
            await producer.send_and_wait(topic, b"aborted")
            await producer.abort_transaction()
            async with producer.transaction():
                await producer.send_and_wait(topic, b"committed")
        (record,) = await read_count(consumer, 1)
        assert record.value == b"committed"
        async with asyncio.timeout(DEADLINE):
            async for batch in consumer.records():
                assert not batch
                if await consumer.lag() == 0:  # the markers of both transactions are behind us
                    break
    finally:
        await bus.stop()


async def test_a_large_snapshot_fits_the_state_topic(kafka_server: KafkaServer) -> None:
    settings = settings_for(kafka_server, compression="zstd")
    bus = KafkaBus(settings, Metrics())
    await bus.start()
    try:
        snapshot = b"".join(uuid.uuid4().bytes for _ in range(6_000_000 // 16))  # does not compress
        await bus.publish(settings.topic(STATE), "harbour", snapshot, {})
        (record,) = await read_count(await bus.consumer([settings.topic(STATE)], None), 1)
        assert record.value == snapshot
    finally:
        await bus.stop()


async def test_a_record_that_the_topic_refuses_does_not_spoil_those_after_it(kafka_server: KafkaServer) -> None:
    settings = settings_for(kafka_server)
    topic = f"{settings.prefix}.made-elsewhere"  # by the broker's own defaults: about one megabyte a record
    bus = KafkaBus(settings, Metrics())
    await bus.start()
    try:
        await bus.publish(topic, "k", b"1", {})
        with pytest.raises(BusError, match=r"max\.message\.bytes"):
            await bus.publish(topic, "k", bytes(2_000_000), {})
        await bus.publish(topic, "k", b"2", {})
        assert [record.value for record in await read_count(await bus.consumer([topic], None), 2)] == [b"1", b"2"]
    finally:
        await bus.stop()


@pytest.mark.parametrize("in_group", [True, False])
async def test_a_reader_whose_client_fails_connects_anew_and_goes_on(
    kafka_server: KafkaServer, monkeypatch: pytest.MonkeyPatch, in_group: bool
) -> None:
    settings = settings_for(kafka_server)
    topic = settings.topic(TRACKLETS)
    bus = KafkaBus(settings, Metrics())
    await bus.start()
    try:
        consumer = await bus.consumer([topic], group() if in_group else None)
        await bus.publish(topic, "k", b"1", {})
        records = await read_count(consumer, 1)
        if in_group:
            await consumer.commit(next_offsets(records))

        async def fail(*_: object, **__: object) -> None:
            raise KafkaError("the client's own task has died")

        broken = consumer._consumer  # type: ignore[attr-defined]  # only from inside can it be broken
        monkeypatch.setattr(broken, "getmany", fail)
        await bus.publish(topic, "k", b"2", {})
        assert [record.value for record in await read_count(consumer, 1)] == [b"2"]
    finally:
        await bus.stop()


async def test_whoever_gives_up_waiting_does_not_disturb_others(kafka_server: KafkaServer) -> None:
    settings = settings_for(kafka_server)
    topic = settings.topic(TRACKLETS)
    bus = KafkaBus(settings, Metrics())
    await bus.start()
    try:
        impatient = asyncio.create_task(bus.publish(topic, "k", b"impatient", {}))
        patient = asyncio.create_task(bus.publish(topic, "k", b"patient", {}))
        await asyncio.sleep(0)
        impatient.cancel()
        await patient
        await until(impatient.done)
        records = await read_count(await bus.consumer([topic], None), 1)
        assert records[-1].value == b"patient"
    finally:
        await bus.stop()
