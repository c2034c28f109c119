"""The records of the crash test: each names its producer and its place in that producer's order."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Ack:
    """What a producer was told. `offset` is None when the broker did not say where."""

    topic: str
    partition: int
    offset: int | None
    key: str


@dataclass(frozen=True)
class Read:
    topic: str
    partition: int
    offset: int
    key: str
    intact: bool = True


def key_of(producer: str, number: int) -> str:
    return f"{producer}-{number}"


def split_key(key: str) -> tuple[str, int]:
    producer, number = key.rsplit("-", 1)
    return producer, int(number)


def value_of(key: str) -> bytes:
    """A value that follows from the key, of 40 to 1,063 bytes, which no codec makes smaller."""
    drawn = hashlib.shake_256(key.encode())
    return drawn.digest(40 + int.from_bytes(drawn.digest(2), "big") % 1_024)
