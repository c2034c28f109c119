"""Random requests that are well formed: every field of every version of every served API."""

import random
import struct
import time

from abuse.schema import Field, Request, within
from harness import wire

INTEGERS = {"int8": ">b", "int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "int64": ">q"}
TOPIC_NAMES = ("topicname", "topic", "name", "topics", "resourcename")


def unsigned_varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class Generator:
    """Draws requests. Its topics are `abuse-<n>`, so a real workload next to it is left alone."""

    def __init__(self, draw: random.Random):
        self.draw = draw

    def request(self, schema: Request, version: int) -> bytes:
        """A whole request with its header, without the length in front."""
        flexible = within(version, schema.flexible)
        header = wire.request_header(schema.key, version, self.draw.getrandbits(31), "abuse")
        if flexible:
            header += self._no_tags()
        return header + self._struct(schema.fields, version, flexible)

    def _struct(self, fields, version: int, flexible: bool) -> bytes:
        out = b""
        tagged = []
        for field in fields:
            if not within(version, field.versions):
                continue
            if flexible and within(version, field.tagged):
                if self.draw.random() < 0.3:
                    tagged.append((field.tag, self._value(field, version, True)))
            else:
                out += self._value(field, version, flexible)
        if flexible:
            if self.draw.random() < 0.1:
                tagged.append((9_000, self.draw.randbytes(self.draw.randrange(20))))
            out += unsigned_varint(len(tagged))
            for tag, data in sorted(tagged):
                out += unsigned_varint(tag) + unsigned_varint(len(data)) + data
        return out

    def _value(self, field: Field, version: int, flexible: bool) -> bytes:
        null = within(version, field.nullable) and self.draw.random() < 0.15
        kind = field.type
        if kind.startswith("[]"):
            if null:
                return b"\0" if flexible else struct.pack(">i", -1)
            count = self.draw.choice((0, 1, 1, 2, 3))
            entries = b"".join(self._value(field.element, version, flexible) for _ in range(count))
            return (unsigned_varint(count + 1) if flexible else struct.pack(">i", count)) + entries
        if kind in INTEGERS:
            return struct.pack(INTEGERS[kind], self._integer(field.name.lower(), kind))
        if kind == "bool":
            return self.draw.choice((b"\0", b"\1"))
        if kind == "uuid":
            return self.draw.choice((bytes(16), self.draw.randbytes(16)))
        if kind == "float64":
            return struct.pack(">d", self.draw.random())
        if kind == "string":
            text = None if null else self._text(field.name.lower())
            if flexible:
                return b"\0" if null else unsigned_varint(len(text) + 1) + text
            return struct.pack(">h", -1) if null else struct.pack(">h", len(text)) + text
        if kind in ("bytes", "records"):
            data = self._records() if kind == "records" else self.draw.randbytes(self.draw.randrange(40))
            if flexible:
                return b"\0" if null else unsigned_varint(len(data) + 1) + data
            return struct.pack(">i", -1) if null else struct.pack(">i", len(data)) + data
        if null:
            return b"\xff"
        present = b"\1" if within(version, field.nullable) else b""
        return present + self._struct(field.fields, version, flexible)

    def _integer(self, name: str, kind: str) -> int:
        draw = self.draw
        if name in ("timeoutms", "maxwaitms"):
            return draw.choice((0, 1, 50))
        if name in ("numpartitions", "count", "replicationfactor"):
            return draw.choice((-1, 1, 1, 1, 2))
        if name == "acks":
            return draw.choice((-1, -1, 0, 1, 5))
        if name in ("maxbytes", "partitionmaxbytes"):
            return draw.choice((0, 1, 1 << 20, (1 << 31) - 1))
        largest = (1 << (struct.calcsize(INTEGERS[kind]) * 8 - 1)) - 1
        return draw.choice((0, 0, 0, 1, 2, draw.randrange(100), largest, -1 if "u" not in kind else 1))

    def _text(self, name: str) -> bytes:
        draw = self.draw
        if name in TOPIC_NAMES or draw.random() < 0.3:
            return b"abuse-%d" % draw.randrange(40)
        return draw.choice((b"", b"x", b"retention.ms", b"no/such", "ö".encode(), b"z" * draw.randrange(300)))

    def _records(self) -> bytes:
        values = [self.draw.randbytes(self.draw.randrange(100)) for _ in range(self.draw.randrange(1, 6))]
        producer = self.draw.choice(((-1, -1, -1), (self.draw.randrange(50), 0, 0)))
        return wire.record_batch(values, int(time.time() * 1_000), producer)

    @staticmethod
    def _no_tags() -> bytes:
        return b"\0"
