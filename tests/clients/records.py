"""The records that every client must carry unharmed, and what each client can show of them."""

import random
import time
from dataclasses import dataclass, replace

Headers = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True)
class Record:
    """One record as an application sees it. `timestamp` is in milliseconds, None where unknown."""

    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp: int | None = None

    def shown(self, hidden: frozenset[str]) -> "Record":
        """The record without the fields that one side of an exchange cannot set or show."""
        return replace(
            self,
            headers=() if "headers" in hidden else self.headers,
            timestamp=None if "timestamp" in hidden else self.timestamp,
        )

    def __repr__(self) -> str:
        def short(data):
            if data is None or len(data) <= 24:
                return repr(data)
            return f"{data[:16]!r}..({len(data)} bytes)"

        headers = ", ".join(f"{name}={short(value)}" for name, value in self.headers)
        return f"Record({short(self.key)}: {short(self.value)}, [{headers}], {self.timestamp})"


# Recent, since retention counts from a record's own time, and not one that a broker would make up.
BASE_TIME = (int(time.time()) - 3_600) * 1_000


def full_records(null_headers: bool = True, null_records: bool = True) -> list[Record]:
    """Everything the format allows: nulls, empties, all byte values, headers, sizes.

    Some clients refuse to send a header without a value, or a record with neither key nor value.
    """
    draw = random.Random(1)
    every_byte = bytes(range(256))
    bodies = [
        (None, b"no key"),
        (b"no value", None),
        (None, None),
        (b"", b"empty key"),
        (b"empty value", b""),
        (every_byte, every_byte),
        ("schlüssel".encode(), "wert \U0001f30a".encode()),
        (b"compressible", b"tide" * 4_000),
        (b"incompressible", draw.randbytes(40_000)),
        (b"line\nbreak\tand tab", b"a\r\nb\x00c"),
    ]
    headers: list[Headers] = [
        (),
        (("name", b"value"),),
        (("twice", b"1"), ("twice", b"2")),
        (("empty", b""), ("binary", b"\x80\xff\xfe")),
        (("absent", None),) if null_headers else (),
    ]
    records = [
        Record(key, value, headers[index % len(headers)], BASE_TIME + 1_000 * index)
        for index, (key, value) in enumerate(bodies)
    ]
    if not null_records:
        records.remove(records[2])
    for index in range(len(records), 60):
        body = b"%d:" % index + draw.randbytes(draw.randrange(50)).hex().encode() * 3
        records.append(Record(b"k%d" % (index % 7), body, (), BASE_TIME + 1_000 * index))
    return records


def line_records(count: int = 60) -> list[Record]:
    """Records that a line-oriented tool can write: text without tabs, one header."""
    headers: Headers = (("source", b"lines"),)
    records = [
        Record(b"key%d" % (index % 7), (b"%d " % index) + b"low tide " * (index * 3 % 50 + 1), headers)
        for index in range(count)
    ]
    records[3] = Record(None, b"no key", headers)
    records[4] = Record(b"no value", None, headers)
    return records


def difference(sent: list[Record], received: list[Record]) -> str:
    """The first thing that differs, in words; empty when nothing does."""
    for index, (expected, actual) in enumerate(zip(sent, received)):
        if expected != actual:
            return f"record {index}: sent {expected}, received {actual}"
    if len(sent) != len(received):
        return f"sent {len(sent)} records, received {len(received)}"
    return ""
