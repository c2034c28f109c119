"""Kafka's request schemas, read from the definitions that its client library carries."""

import json
import re
import zipfile
from dataclasses import dataclass, field
from functools import cache

from harness.tools import KAFKA_VERSION, TOOLS

NONE = (1, 0)


def _range(text: str | None) -> tuple[int, int]:
    """'3', '3-5', '3+' or 'none' as an inclusive range."""
    if not text or text == "none":
        return NONE
    if text.endswith("+"):
        return int(text[:-1]), 1 << 15
    low, _, high = text.partition("-")
    return int(low), int(high or low)


def within(version: int, versions: tuple[int, int]) -> bool:
    return versions[0] <= version <= versions[1]


@dataclass(frozen=True)
class Field:
    name: str
    type: str
    versions: tuple[int, int]
    nullable: tuple[int, int]
    tagged: tuple[int, int]
    tag: int | None
    fields: tuple["Field", ...]

    @property
    def element(self) -> "Field":
        """The field that one entry of this array is."""
        return Field(self.name, self.type[2:], self.versions, NONE, NONE, None, self.fields)


@dataclass(frozen=True)
class Request:
    key: int
    name: str
    flexible: tuple[int, int]
    fields: tuple[Field, ...] = field(repr=False)


def _fields(entries, structs) -> tuple[Field, ...]:
    return tuple(
        Field(
            entry["name"], entry["type"], _range(entry.get("versions")),
            _range(entry.get("nullableVersions")), _range(entry.get("taggedVersions")),
            entry.get("tag"),
            _fields(entry.get("fields") or structs.get(entry["type"].removeprefix("[]"), ()), structs),
        )
        for entry in entries
    )


@cache
def requests() -> dict[int, Request]:
    jar = TOOLS["kafka"].ensure() / "libs" / f"kafka-clients-{KAFKA_VERSION}.jar"
    found = {}
    with zipfile.ZipFile(jar) as archive:
        for name in archive.namelist():
            if re.fullmatch(r"common/message/\w+Request\.json", name):
                text = re.sub(r"^\s*//.*$", "", archive.read(name).decode(), flags=re.M)
                entry = json.loads(text)
                structs = {each["name"]: each["fields"] for each in entry.get("commonStructs", ())}
                found[entry["apiKey"]] = Request(
                    entry["apiKey"], entry["name"], _range(entry.get("flexibleVersions")),
                    _fields(entry.get("fields", ()), structs),
                )
    return found
