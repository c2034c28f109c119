"""The verdict on a history: the simulator's checker, and the crash test's as a second opinion."""

import subprocess
from pathlib import Path

from chaos.history import History
from durability.checker import Checker
from durability.reader import Reader
from durability.records import Ack, Read, key_of, split_key


def final_log(bootstrap: str, pairs: list[tuple[str, int]]) -> list[Read]:
    reader = Reader(bootstrap)
    try:
        return reader.read(pairs, {})
    finally:
        reader.close()


def by_crash_checker(topic: str, history: History, log: list[Read], sent: dict[str, int]) -> list[str]:
    """Every reader is an earlier reading, which the final log must bear out."""
    final = Checker()
    final.add_reads(log)
    final.check_acks(Ack(topic, ack.partition, ack.offset, key_of(str(ack.producer), ack.sequence))
                     for ack in history.acks)
    if all(tail.closing for tail in history.producers):
        final.check_sent(sent)
    violations = list(final.violations)
    for number, tail in enumerate(history.readers):
        reader = Checker()
        reader.add_reads(Read(topic, partition, offset, key_of(str(producer), sequence), intact)
                         for _time, partition, offset, producer, sequence, intact in tail.again())
        final.violations.clear()
        final.check_against(reader)
        violations += [f"reader {number}: {text}" for text in (*reader.violations, *final.violations)]
    return violations


def by_simulator(sim: Path | None, history: History, log: list[Read], file: Path) -> tuple[str, list[str]]:
    """What `tidelog-sim check` says, and its violations; also says why it was not asked."""
    history.write(file, [(read.partition, read.offset, *map(int, split_key(read.key))) for read in log])
    if not sim or not sim.is_file():
        return "not asked: there is no tidelog-sim beside the binary", []
    known = subprocess.run([sim, "check", "--help"], capture_output=True)
    if known.returncode:
        return "not asked: this tidelog-sim has no check", []
    done = subprocess.run([sim, "check", file], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines = done.stdout.strip().splitlines() or [""]
    if not done.returncode:
        return "; ".join(lines), []
    return f"FAILED with status {done.returncode}", [f"simulator's checker: {line}" for line in lines[:50]]
