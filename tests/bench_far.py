#!/usr/bin/env python3
"""Producers on a store whose PUTs take a while: MiB/s, and how many PUTs that took, by cause.

The store is an S3 emulator behind a proxy that holds back each answer; everything runs on this machine, so that what the
emulator and the proxy can take is a bound, too.
"""

import argparse
import asyncio
import multiprocessing
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from harness.venv import enter  # noqa: E402

if __name__ == "__main__":
    enter("python")

from confluent_kafka import Producer  # noqa: E402
from confluent_kafka.admin import AdminClient, NewTopic  # noqa: E402

from broker import Broker  # noqa: E402
from harness.kafka_node import classpath  # noqa: E402
from harness.process import LOOPBACK, end_children_on_signals, free_ports, wait_until  # noqa: E402
from harness.s3 import Ministack  # noqa: E402

MIB = 1 << 20
CHUNK = 1 << 18


def proxy(port: int, upstream: int, delay: float) -> None:
    """Carries connections to another port of this machine, and holds back what comes from there."""

    async def carry(reader, writer, wait: float) -> None:
        try:
            while data := await reader.read(CHUNK):
                if wait:
                    await asyncio.sleep(wait)
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def serve(reader, writer) -> None:
        there, back = await asyncio.open_connection(LOOPBACK, upstream, limit=CHUNK)
        await asyncio.gather(carry(reader, back, 0), carry(there, writer, delay))

    async def run() -> None:
        server = await asyncio.start_server(serve, LOOPBACK, port, limit=CHUNK)
        await server.serve_forever()

    asyncio.run(run())


def librdkafka(bootstrap: str, topic: str, partitions: int, size: int, total: int) -> float:
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 5,
                         "queue.buffering.max.kbytes": 1 << 20})
    value, failed = bytes(size), []
    begun = time.monotonic()
    for number in range(total // size):
        while True:
            try:
                producer.produce(topic, value, partition=number % partitions,
                                 on_delivery=lambda error, _: failed.append(error) if error else None)
                break
            except BufferError:
                producer.poll(0.01)
        if number % 1000 == 0:
            producer.poll(0)
    left = producer.flush(300)
    if left or failed:
        sys.exit(f"{left} records are not acknowledged, {len(failed)} failed: {failed[:1]}")
    return time.monotonic() - begun


def java(bootstrap: str, topic: str, _partitions: int, size: int, total: int) -> float:
    """A Java producer with its default settings."""
    begun = time.monotonic()
    subprocess.run(["java", "-cp", classpath(), "org.apache.kafka.tools.ProducerPerformance", "--topic", topic,
                    "--num-records", str(total // size), "--record-size", str(size), "--throughput", "-1",
                    "--producer-props", f"bootstrap.servers={bootstrap}"],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - begun


def flushes(node: Broker) -> dict[str, int]:
    found = re.findall(r'^tidelog_slot_flushes_total\{cause="(\w+)"\} (\d+)', node.metrics(), re.MULTILINE)
    return {cause: int(count) for cause, count in found}


def slots(node: Broker) -> tuple[int, float]:
    """How many slots have been committed, and the seconds that their PUTs took."""
    return tuple(float(re.search(rf"^tidelog_slot_seconds_{name} (\S+)", node.metrics(), re.MULTILINE)[1])
                 for name in ("count", "sum"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--put-ms", type=float, default=20, help="how long the store's answers are held back")
    parser.add_argument("--linger", default="100ms", help="the node's --linger")
    parser.add_argument("--size", type=int, default=10_000, help="bytes of a record")
    parser.add_argument("--mib", type=int, default=200, help="how much librdkafka sends; a quarter for Java")
    parser.add_argument("--partitions", type=int, nargs="+", default=[1, 50])
    chosen = parser.parse_args()
    end_children_on_signals()
    directory = Path(tempfile.mkdtemp(prefix="tidelog-bench-far-"))
    (port,) = free_ports(1)
    with Ministack(directory) as store:
        between = multiprocessing.Process(target=proxy, args=(port, store.port, chosen.put_ms / 1000), daemon=True)
        between.start()
        env = {**store.env, "AWS_ENDPOINT_URL": f"http://{LOOPBACK}:{port}"}
        with Broker(store.store_url(), ("--linger", chosen.linger), env=env) as node:
            admin = AdminClient({"bootstrap.servers": node.bootstrap})
            for name, run, share in (("librdkafka, idempotent", librdkafka, 1), ("Java, defaults", java, 4)):
                for partitions in chosen.partitions:
                    topic = f"{run.__name__}-{partitions}"
                    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result()
                    before, begun, total = flushes(node), slots(node), chosen.mib * MIB // share
                    seconds = run(node.bootstrap, topic, partitions, chosen.size, total)
                    wait_until(node.metrics, "the node's metrics")
                    puts = {cause: count - before.get(cause, 0) for cause, count in flushes(node).items()}
                    count, took = (after - earlier for earlier, after in zip(begun, slots(node)))
                    causes = ", ".join(f"{count} {cause}" for cause, count in puts.items() if count)
                    print(f"{name}, {partitions} partitions: {total / MIB / seconds:.1f} MiB/s, "
                          f"{sum(puts.values()) / seconds:.1f} PUTs a second ({causes}), "
                          f"which took {1000 * took / max(count, 1):.0f} ms in the mean", flush=True)
        between.terminate()
    return 0


if __name__ == "__main__":
    sys.exit(main())
