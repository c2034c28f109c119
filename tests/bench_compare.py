#!/usr/bin/env python3
"""Measures tidelog beside Apache Kafka, on this machine and in one run, with one client for both.

Throughput with 1 KiB records, acks=all, linger 5 ms; the broker's CPU and memory; latency at a fixed
rate; PUTs; the time to start. Prints a table and writes the figures as JSON. Use a release build.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from harness.venv import enter  # noqa: E402

if __name__ == "__main__":
    enter("python")

from bench.measure import Measurement, compile_client  # noqa: E402
from bench.targets import Target  # noqa: E402
from harness.process import Failed, end_children_on_signals  # noqa: E402
from harness.toolbox import Unavailable  # noqa: E402
from harness.tools import KAFKA_VERSION  # noqa: E402

TARGETS = ("kafka", "memory", "file", "s3", "minio")
ROWS = (
    ("produce_1p_mib_s", "produce, 1 partition, MiB/s"),
    ("produce_12p_mib_s", "produce, 12 partitions, MiB/s"),
    ("consume_1p_mib_s", "consume, 1 partition, MiB/s"),
    ("consume_12p_mib_s", "consume, 12 partitions, MiB/s"),
    ("produce_1p_cpu_s_per_gib", "broker CPU to produce, 1 partition, s/GiB"),
    ("produce_12p_cpu_s_per_gib", "broker CPU to produce, 12 partitions, s/GiB"),
    ("consume_1p_cpu_s_per_gib", "broker CPU to consume, 1 partition, s/GiB"),
    ("consume_12p_cpu_s_per_gib", "broker CPU to consume, 12 partitions, s/GiB"),
    ("ack_p50_ms", "ack p50, ms"),
    ("ack_p99_ms", "ack p99, ms"),
    ("end_to_end_p50_ms", "end to end p50, ms"),
    ("end_to_end_p99_ms", "end to end p99, ms"),
    ("rss_idle_mib", "resident, idle, MiB"),
    ("rss_loaded_mib", "resident, loaded, MiB"),
    ("puts_per_gib_1p", "PUTs per GiB, 1 partition"),
    ("puts_per_gib_12p", "PUTs per GiB, 12 partitions"),
    ("start_s", "start to first answer, s"),
)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--targets", default="kafka,memory,file,s3",
                        help=f"of {','.join(TARGETS)}; all but kafka are tidelog's stores, s3 is ministack")
    parser.add_argument("--mib", type=int, default=512, help="produced per run on kafka, memory and file")
    parser.add_argument("--s3-mib", type=int, default=256, help="the same on s3 and minio")
    parser.add_argument("--rate", type=float, default=500, help="records/s of the latency run")
    parser.add_argument("--latency-seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=3,
                        help="how often all are measured, one after the other and each time in the other order; "
                             "the figures are medians")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the figures there")
    return parser.parse_args()


def measure(name: str, client: Path, directory: Path, chosen: argparse.Namespace) -> dict:
    target = Target(name, directory / name)
    try:
        target.start()
        mib = chosen.s3_mib if name in ("s3", "minio") else chosen.mib
        return Measurement(client, target, mib).run(chosen.latency_seconds, chosen.rate)
    finally:
        target.stop()


def medians(rounds: list[dict]) -> dict:
    """The median of each figure over the rounds that have it."""
    found = {key: [each[key] for each in rounds if each.get(key) is not None] for key, _ in ROWS}
    return {key: statistics.median(values) for key, values in found.items() if values}


def table(figures: dict[str, dict]) -> str:
    def cell(value) -> str:
        if value is None:
            return "-"
        return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"

    heads = [f"Kafka {KAFKA_VERSION}" if name == "kafka" else f"tidelog {name}" for name in figures]
    rows = [["", *heads]]
    rows += [[label, *(cell(found.get(key)) for found in figures.values())] for key, label in ROWS]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join([row[0].ljust(widths[0]), *(text.rjust(width) for text, width in zip(row[1:], widths[1:]))])
        for row in rows
    )


def main() -> int:
    chosen = parse()
    end_children_on_signals()
    names = chosen.targets.split(",")
    if unknown := [name for name in names if name not in TARGETS]:
        sys.exit(f"unknown target {unknown[0]}; known: {', '.join(TARGETS)}")
    directory = Path(tempfile.mkdtemp(prefix="tidelog-bench-"))
    try:
        client = compile_client(directory)
    except Unavailable as reason:
        sys.exit(f"the benchmark needs librdkafka's headers: {reason}")
    measured = {name: [] for name in names}
    for turn in range(chosen.rounds):
        # The other order each time, so that it does not decide.
        for name in names if turn % 2 == 0 else reversed(names):
            print(f"round {turn + 1} of {chosen.rounds}: {name}", file=sys.stderr, flush=True)
            try:
                measured[name].append(measure(name, client, directory / str(turn), chosen))
            except Unavailable as reason:
                print(f"{name} is left out: {reason}", file=sys.stderr)
            except Failed as reason:
                print(f"{name} failed: {reason}", file=sys.stderr)
    figures = {name: medians(rounds) for name, rounds in measured.items() if rounds}
    machine = f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()} {platform.release()}"
    print(f"{machine}; 1 KiB records, acks=all, linger 5 ms; latency at {chosen.rate:g} records/s; "
          f"medians of {chosen.rounds} rounds\n")
    print(table(figures))
    if chosen.json:
        report = {"machine": machine, "kafka": KAFKA_VERSION, "rounds": chosen.rounds, "figures": figures}
        chosen.json.write_text(json.dumps(report, indent=2) + "\n")
    return 0 if len(figures) == len(names) else 1


if __name__ == "__main__":
    sys.exit(main())
