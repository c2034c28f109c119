"""A member of a share group: Kafka's own share consumer, in a process of its own."""

from pathlib import Path

from groups.member import Member

Place = tuple[str, int, int]
"""Topic, partition and offset of a record."""


class ShareMember(Member):
    """An `explicit` one polls again once it was told what became of every record that it has."""

    def __init__(self, name: str, directory: Path, *, bootstrap: str, group: str, topics, explicit: bool = False,
                 at_once: int | None = None, settings: dict[str, str] | None = None):
        """`settings` are given to the group before the member joins."""
        self.deliveries: list[tuple[int, int]] = []
        asked = {"bootstrap": bootstrap, "group": group, "topics": list(topics), "explicit": explicit,
                 "at_once": at_once, "settings": settings or {}}
        self._run("java-share", name, directory, asked)

    def hear(self, event: dict) -> None:
        if event["event"] == "records":
            offsets = [offset for _topic, _partition, offset, _value in event["records"]]
            with self.lock:
                self.deliveries += zip(offsets, event["deliveries"], strict=True)
        super().hear(event)

    def delivered(self) -> list[tuple[int, int]]:
        """Offset and delivery count of each record it was given, in its order."""
        with self.lock:
            return list(self.deliveries)

    def forget(self) -> None:
        super().forget()
        with self.lock:
            self.deliveries = []

    def acknowledge(self, kind: str, places: list[Place]) -> list[str]:
        """Says that these were accepted, released, rejected or renewed; returns the errors."""
        return self.ask("acknowledge", **{"as": kind}, records=places)["errors"]
