"""What the stage of `tests/run` plays: families, or single scenarios of them, of what Tidelog serves.

A line here is a promise. `tests/kafka_cli.py` plays the rest, too.
"""

SERVED = (
    "console/partitions-and-offsets",
    "offsets/by-timestamp",
    "offsets/selections",
    "performance/producer-perf",
    "performance/verifiable-producer",
    "topic-configs/describe",
    "topics/bad-configs",
    "topics/delete",
    "topics/describe-unknown",
    "topics/wrong-use",
)
