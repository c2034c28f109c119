"""Made-up runs: what the checks must find in them, and what the figures must be."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from chaos.availability import unavailable  # noqa: E402
from chaos.check import by_crash_checker, by_simulator  # noqa: E402
from chaos.faults import Fault  # noqa: E402
from chaos.history import History  # noqa: E402
from chaos.plan import drawn  # noqa: E402
from chaos.report import Interruptions, figures  # noqa: E402
from durability.records import Read  # noqa: E402

# sent, told, partition, producer, sequence, offset
ACKS = [(1.0, 1.1, 0, 0, 0, 0), (1.2, 1.3, 0, 0, 1, 1), (2.0, 5.0, 0, 0, 2, 2), (1.0, 1.2, 1, 1, 0, 0)]
# time, partition, offset, producer, sequence, intact
SEEN = [(2.0, 0, 0, 0, 0, True), (2.0, 1, 0, 1, 0, True), (2.1, 0, 1, 0, 1, True), (5.1, 0, 2, 0, 2, True)]
LOG = [Read("tides", 0, 0, "0-0"), Read("tides", 0, 1, "0-1"), Read("tides", 0, 2, "0-2"),
       Read("tides", 1, 0, "1-0")]
SENT = {"0": 3, "1": 1}


def history(folder: Path, acks=ACKS, seen=SEEN) -> History:
    files = [folder / "produce.jsonl", folder / "read.jsonl"]
    for file, lines in zip(files, (acks, seen)):
        text = "".join(json.dumps(line) + "\n" for line in lines)
        file.write_text(text + '{"sent": {}, "problems": []}\n[1.0, 0, unfin')
    found = History([files[0]], [files[1]], partitions=2)
    found.take_up()
    return found


def kinds(folder: Path, log=LOG, **changed) -> set[str]:
    violations = by_crash_checker("tides", history(folder, **changed), log, SENT)
    return {violation.removeprefix("reader 0: ").split(":")[0] for violation in violations}


def test_a_good_run_passes(tmp_path):
    assert kinds(tmp_path) == set()


@pytest.mark.parametrize(("seen", "expected"), [
    ([SEEN[0], SEEN[2], SEEN[2], SEEN[3]], {"gap", "duplicate"}),
    ([SEEN[0], SEEN[3]], {"gap"}),
    ([*SEEN, (6.0, 0, 3, 0, 3, True)], {"lost"}),
    ([SEEN[0], (2.1, 0, 1, 0, 2, True)], {"moved"}),
    ([(2.0, 0, 0, 0, 0, False)], {"damaged"}),
])
def test_what_a_reader_saw_wrongly_is_found(tmp_path, seen, expected):
    assert kinds(tmp_path, seen=seen) == expected


def test_a_record_acknowledged_by_implication_must_be_there(tmp_path):
    found = history(tmp_path, acks=[*ACKS, (5.0, 5.1, 0, 0, 3, None), (5.0, 5.1, 1, 1, 0, None)])
    assert len(found.acks) == len(ACKS)
    log = [(0, 0, 0, 0), (1, 0, 1, 0)]
    assert found.lost_unplaced(log) == ["lost: 0-3 of partition 0, acknowledged by implication"]


def test_what_the_log_lacks_is_found(tmp_path):
    assert kinds(tmp_path, log=LOG[:2] + LOG[3:]) == {"lost"}
    assert kinds(tmp_path, log=[LOG[0], Read("tides", 0, 1, "0-2"), Read("tides", 0, 2, "0-1"), LOG[3]]) == {
        "moved", "reordered"}


def test_the_history_has_one_event_per_line(tmp_path):
    word, violations = by_simulator(None, history(tmp_path), LOG, tmp_path / "history.jsonl")
    events = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert word.startswith("not asked") and not violations
    assert [event["type"] for event in events] == ["ack"] * 4 + ["seen"] * 4 + ["log"] * 4
    assert events[0] == {"type": "ack", "partition": 0, "producer": 0, "sequence": 0, "offset": 0}
    assert events[5] == {"type": "seen", "reader": 0, "partition": 1, "offset": 0, "producer": 1, "sequence": 0}
    assert events[-1] == {"type": "log", "partition": 1, "offset": 0, "producer": 1, "sequence": 0}


def test_interruptions_count_records_sent_after_the_fault(tmp_path):
    interruptions = Interruptions(history(tmp_path), partitions=2)
    fault = Fault("kill", (0,), begun=1.25, healed=4.0, led=(0,))
    assert interruptions.next_produce(fault) == 3.75
    assert interruptions.longest_wait(fault, until=4.0) == 3.0
    assert interruptions.next_produce(Fault("kill", (0,), begun=6.0, led=(0,))) is None
    assert figures([3.0, 1.0, 2.0]) == {"count": 3, "p50": 2.0, "p99": 3.0, "max": 3.0}


def test_a_partition_must_take_records_soon_and_steadily(tmp_path):
    def verdict(*told: float, kind: str = "kill") -> list[str]:
        acks = [(moment - 0.1, moment, 0, 0, number, number) for number, moment in enumerate(told)]
        run = SimpleNamespace(history=history(tmp_path, acks=acks),
                              world=SimpleNamespace(shape=SimpleNamespace(partitions=1)))
        found = unavailable(run, Fault(kind, (0,), "down 30 s", begun=100, restored=130))
        return [violation.rsplit(": ", 1)[1] for violation in found]

    assert verdict(114, 117, 121, 126) == []
    assert verdict(100.05, 116, 120) == ["no record taken within 15 s"]
    assert verdict(114, 118, 122) == ["5 s without a record after the first 15 s"]
    assert verdict(101, 121, 125, 129) == ["5 s without a record after the first 15 s"]
    assert verdict(101, 121, 125, 129, kind="slow") == []
    assert verdict(101, 121, 125, 129, kind="denied") == ["5 s without a record after the first 15 s"]


def test_a_plan_has_what_is_asked_for_and_repeats():
    counts = {"kill": 5, "partition": 10, "full": 1, "stop": 0}
    plan, missing = drawn(counts, {"pair cut": "why"}, seed=7)
    assert plan == drawn(counts, {"pair cut": "why"}, seed=7)[0] != drawn(counts, {}, seed=8)[0]
    assert (plan.count("kill"), plan.count("full"), len(plan)) == (5, 1, 16)
    assert "pair cut" not in plan and missing == {"pair cut": "why"}
