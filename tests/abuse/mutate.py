"""Turns good requests into bad frames. Every function takes a body and gives the bytes to send."""

import random
import struct
import zlib

from harness import wire

HOSTILE_32 = (0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFF0, 0x10000000, 0x00FFFFFF)
HOSTILE_16 = (0x7FFF, 0x8000, 0xFFFF, 0xFFFE)
HOSTILE_VARINTS = (
    b"\xff\xff\xff\xff\x0f", b"\xff\xff\xff\xff\x07", b"\xff\xff\xff\xff\x7f", b"\x80" * 10 + b"\x01",
    b"\xff" * 9 + b"\x01", b"\xff" * 16, b"\x80\x80\x80\x80\x08", b"\x81\x00",
)


def hostile_length(body: bytes, draw: random.Random) -> bytes:
    """A length in front that is huge, negative, or too small for a header."""
    length = draw.choice((*HOSTILE_32, 0, 1, 4, 7, 100 << 20, (100 << 20) + 1))
    return struct.pack(">I", length) + body


def cut_short(body: bytes, draw: random.Random) -> bytes:
    """The frame ends, and the connection with it, before its announced length."""
    return wire.frame(body)[: draw.randrange(1, len(body) + 4)]


def truncated(body: bytes, draw: random.Random) -> bytes:
    """An honest length of a body that ends in the middle of a field."""
    return wire.frame(body[: draw.randrange(len(body))])


def flipped(body: bytes, draw: random.Random) -> bytes:
    data = bytearray(body)
    for _ in range(draw.randrange(1, 9)):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return wire.frame(bytes(data))


def _overwritten(body: bytes, patch: bytes, draw: random.Random) -> bytes:
    # Mostly behind the header, where the counts and lengths are.
    at = draw.randrange(8 if len(body) > 9 and draw.random() < 0.95 else 0, len(body))
    return wire.frame(body[:at] + patch + body[at + len(patch):])


def hostile_int32(body: bytes, draw: random.Random) -> bytes:
    return _overwritten(body, struct.pack(">I", draw.choice(HOSTILE_32)), draw)


def hostile_int16(body: bytes, draw: random.Random) -> bytes:
    return _overwritten(body, struct.pack(">H", draw.choice(HOSTILE_16)), draw)


def hostile_varint(body: bytes, draw: random.Random) -> bytes:
    return _overwritten(body, draw.choice(HOSTILE_VARINTS), draw)


def spliced(body: bytes, draw: random.Random) -> bytes:
    """Bytes are put in, taken out or repeated."""
    at, size = draw.randrange(len(body)), draw.randrange(1, 40)
    middle = draw.choice((b"", body[at:at + size] * 2, draw.randbytes(size)))
    return wire.frame(body[:at] + middle + body[at + size:])


def noise(body: bytes, draw: random.Random) -> bytes:
    return wire.frame(draw.randbytes(draw.randrange(0, 300)))


def unserved(body: bytes, draw: random.Random) -> bytes:
    """A key or version that nobody serves."""
    key, version = draw.choice(((body[:2], draw.choice(HOSTILE_16 + (60,))),
                                (struct.pack(">H", draw.choice(HOSTILE_16 + (500,))), 0)))
    return wire.frame(key + struct.pack(">H", version) + body[4:])


def other_protocol(body: bytes, draw: random.Random) -> bytes:
    return draw.choice((b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                        b"\x00\x00\x00\x00" * 8, b"SSH-2.0-x\r\n"))


def hostile_batch(body: bytes, draw: random.Random) -> bytes:
    """A Produce request whose batch has a good checksum and lies inside."""
    good = bytearray(wire.record_batch([b"value"] * 3, 1_700_000_000_000))
    lie = draw.randrange(6)
    if lie == 0:
        struct.pack_into(">I", good, 57, draw.choice(HOSTILE_32))
    elif lie == 1:
        struct.pack_into(">I", good, 23, draw.choice(HOSTILE_32))
    elif lie == 2:
        struct.pack_into(">H", good, 21, draw.choice((1, 2, 3, 4, 5, 6, 7, 0x20, 0x10, 0x08)))
    elif lie == 3:
        patch = draw.choice(HOSTILE_VARINTS)
        good[61:61 + len(patch)] = patch
    elif lie == 4:
        bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
        good[61:] = bomb.compress(bytes(8 << 20)) + bomb.flush()
        struct.pack_into(">H", good, 21, 1)
    else:
        struct.pack_into(">qhi", good, 43, draw.randrange(1 << 40), draw.choice((-2, 0, 3)),
                         draw.choice((-5, 0, 0x7FFFFFFF)))
    struct.pack_into(">i", good, 8, draw.choice((len(good) - 12,) * 5 + (0x7FFFFFFF, -1, 0)))
    struct.pack_into(">I", good, 17, wire.crc32c(bytes(good[21:])))
    return wire.frame(wire.produce_v3(f"abuse-{draw.randrange(40)}", 0, bytes(good)))


KINDS = (hostile_length, cut_short, truncated, truncated, flipped, flipped, hostile_int32, hostile_int32,
         hostile_int16, hostile_varint, hostile_varint, spliced, noise, unserved, other_protocol,
         hostile_batch)
