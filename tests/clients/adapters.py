"""One producer and one consumer per client, with a common shape, for the matrix of all with all."""

import asyncio
import re
import subprocess
import uuid

import kafkajs_client
from records import Record, full_records, line_records

DEADLINE = 60.0


class Adapter:
    """`hidden` are the fields of a record that this client cannot set when it produces."""

    name: str
    hidden: frozenset[str] = frozenset()

    def __init__(self, java_tools=None):
        self.java_tools = java_tools

    def records(self) -> list[Record]:
        return full_records()

    def produce(self, bootstrap: str, topic: str, codec: str, records: list[Record]) -> None:
        raise NotImplementedError

    def consume(self, bootstrap: str, topic: str, count: int) -> list[Record]:
        """The first `count` records of partition 0."""
        raise NotImplementedError


class KafkaPython(Adapter):
    name = "kafka-python"

    def records(self):
        return full_records(null_headers=False, null_records=False)

    def produce(self, bootstrap, topic, codec, records):
        from kafka import KafkaProducer

        producer = KafkaProducer(
            bootstrap_servers=bootstrap, acks="all", linger_ms=20, batch_size=200_000,
            compression_type=None if codec == "none" else codec,
        )
        futures = [
            producer.send(topic, value=record.value, key=record.key, partition=0,
                          headers=list(record.headers), timestamp_ms=record.timestamp)
            for record in records
        ]
        producer.flush(DEADLINE)
        for future in futures:
            future.get(DEADLINE)
        producer.close()

    def consume(self, bootstrap, topic, count):
        from kafka import KafkaConsumer, TopicPartition

        consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=None,
                                 consumer_timeout_ms=DEADLINE * 1000)
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        found = []
        while len(found) < count:
            message = next(consumer)
            found.append(Record(message.key, message.value, tuple(message.headers), message.timestamp))
        consumer.close()
        return found


class Librdkafka(Adapter):
    name = "confluent-kafka"

    def produce(self, bootstrap, topic, codec, records):
        from confluent_kafka import Producer

        failures = []
        producer = Producer({"bootstrap.servers": bootstrap, "compression.type": codec,
                             "acks": "all", "linger.ms": 20})
        for record in records:
            producer.produce(
                topic, value=record.value, key=record.key, partition=0,
                headers=list(record.headers), timestamp=record.timestamp,
                on_delivery=lambda error, _message: failures.append(error) if error else None,
            )
        assert producer.flush(DEADLINE) == 0, "records still queued"
        assert not failures, failures

    def consume(self, bootstrap, topic, count):
        from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

        consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": uuid.uuid4().hex,
                             "enable.auto.commit": False})
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        found = []
        while len(found) < count:
            message = consumer.poll(DEADLINE)
            assert message is not None, f"only {len(found)} of {count} records came"
            assert message.error() is None, message.error()
            found.append(Record(message.key(), message.value(), tuple(message.headers() or ()),
                                message.timestamp()[1]))
        consumer.close()
        return found


class AioKafka(Adapter):
    name = "aiokafka"

    def records(self):
        return full_records(null_records=False)

    def produce(self, bootstrap, topic, codec, records):
        asyncio.run(self._produce(bootstrap, topic, codec, records))

    async def _produce(self, bootstrap, topic, codec, records):
        from aiokafka import AIOKafkaProducer

        producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap, acks="all", linger_ms=20, enable_idempotence=True,
            compression_type=None if codec == "none" else codec,
        )
        await producer.start()
        try:
            sent = [
                await producer.send(topic, value=record.value, key=record.key, partition=0,
                                    headers=list(record.headers), timestamp_ms=record.timestamp)
                for record in records
            ]
            await asyncio.wait_for(asyncio.gather(*sent), DEADLINE)
        finally:
            await producer.stop()

    def consume(self, bootstrap, topic, count):
        return asyncio.run(self._consume(bootstrap, topic, count))

    async def _consume(self, bootstrap, topic, count):
        from aiokafka import AIOKafkaConsumer, TopicPartition

        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None)
        await consumer.start()
        try:
            partition = TopicPartition(topic, 0)
            consumer.assign([partition])
            await consumer.seek_to_beginning(partition)
            found = []
            while len(found) < count:
                message = await asyncio.wait_for(consumer.getone(), DEADLINE)
                found.append(Record(message.key, message.value, tuple(message.headers),
                                    message.timestamp))
            return found
        finally:
            await consumer.stop()


class KafkaJS(Adapter):
    """Its consumer always joins a group, so only its producer takes part."""

    name = "kafkajs"

    def records(self):
        return full_records(null_headers=False)

    def produce(self, bootstrap, topic, codec, records):
        encode = kafkajs_client.encode
        messages = [
            {
                "key": encode(record.key), "value": encode(record.value),
                "headers": [[name, encode(value)] for name, value in record.headers],
                "timestamp": record.timestamp, "partition": 0,
            }
            for record in records
        ]
        kafkajs_client.call(bootstrap, "produce", topic=topic, codec=codec, messages=messages)


class Kcat(Adapter):
    name = "kcat"
    hidden = frozenset({"timestamp"})
    END = b"\x01end\x01"

    def records(self):
        return line_records()

    def produce(self, bootstrap, topic, codec, records):
        lines = b"".join(
            (b"%s\t%s\n" % (record.key or b"", record.value or b"")) for record in records
        )
        headers = [part for name, value in records[0].headers
                   for part in ("-H", f"{name}={value.decode()}")]
        self.run(bootstrap, "-P", "-t", topic, "-p", "0", "-K", "\t", "-Z", "-z", codec,
                 *headers, stdin=lines)

    def consume(self, bootstrap, topic, count):
        form = r"%o %T %K %S\n%k%s%h" + self.END.decode()
        output = self.run(bootstrap, "-C", "-t", topic, "-p", "0", "-o", "beginning", "-q",
                          "-c", str(count), "-f", form)
        found = []
        while output:
            line, output = output.split(b"\n", 1)
            _offset, timestamp, key_size, value_size = map(int, line.split())
            key, output = self._take(output, key_size)
            value, output = self._take(output, value_size)
            headers, output = output.split(self.END, 1)
            found.append(Record(key, value, self._headers(headers), timestamp))
        return found

    @staticmethod
    def _take(output: bytes, size: int) -> tuple[bytes | None, bytes]:
        return (None, output) if size < 0 else (output[:size], output[size:])

    @staticmethod
    def _headers(text: bytes):
        pairs = [pair.partition(b"=") for pair in text.split(b",") if pair]
        return tuple((name.decode(), None if value == b"NULL" else value)
                     for name, _sign, value in pairs)

    @staticmethod
    def run(bootstrap, *arguments, stdin: bytes = b"", check: bool = True) -> bytes:
        done = subprocess.run(["kcat", "-b", bootstrap, *arguments], input=stdin,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=DEADLINE)
        if check:
            assert done.returncode == 0, f"kcat {arguments}: {done.stderr.decode()}"
            return done.stdout
        return done.stdout + done.stderr


class JavaConsole(Adapter):
    """Kafka's console producer, idempotent as it is by default, and its console consumer."""

    name = "java"
    hidden = frozenset({"timestamp"})

    def records(self):
        return line_records()

    def produce(self, bootstrap, topic, codec, records):
        def field(data: bytes | None) -> bytes:
            return b"NULL" if data is None else data

        lines = b"".join(
            b",".join(b"%s:%s" % (name.encode(), value) for name, value in record.headers)
            + b"\t" + field(record.key) + b"\t" + field(record.value) + b"\n"
            for record in records
        )
        self.java_tools.run(
            "ConsoleProducer", "--bootstrap-server", bootstrap, "--topic", topic,
            "--compression-codec", codec, "--reader-property", "parse.key=true",
            "--reader-property", "parse.headers=true", "--reader-property", "null.marker=NULL",
            stdin=lines,
        ).checked()

    def consume(self, bootstrap, topic, count):
        field, line = "\x01f\x01", "\x01r\x01"
        shown = {"print.timestamp": "true", "print.headers": "true", "print.key": "true",
                 "key.separator": field, "headers.separator": "\x01h\x01", "line.separator": line,
                 "null.literal": "\x01n\x01"}
        properties = [part for name, value in shown.items()
                      for part in ("--formatter-property", f"{name}={value}")]
        output = self.java_tools.run(
            "consumer.ConsoleConsumer", "--bootstrap-server", bootstrap, "--topic", topic,
            "--partition", "0", "--offset", "earliest", "--max-messages", count,
            "--timeout-ms", int(DEADLINE * 1000), *properties,
        ).checked().stdout
        found = []
        for record in output.split(line.encode())[:-1]:
            stamp, headers, key, value = record.split(field.encode())
            found.append(Record(self._data(key), self._data(value), self._headers(headers),
                                int(re.sub(rb"\D", b"", stamp))))
        return found

    @staticmethod
    def _data(data: bytes) -> bytes | None:
        return None if data == b"\x01n\x01" else data

    def _headers(self, text: bytes):
        if text == b"NO_HEADERS":
            return ()
        pairs = [pair.split(b":", 1) for pair in text.split(b"\x01h\x01")]
        return tuple((name.decode(), self._data(value)) for name, value in pairs)


CLIENTS = {kind.name: kind for kind in (KafkaPython, Librdkafka, AioKafka, KafkaJS, Kcat, JavaConsole)}
CONSUMERS = [name for name, kind in CLIENTS.items() if kind.consume is not Adapter.consume]
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
