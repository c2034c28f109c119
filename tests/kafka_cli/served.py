"""What the stage of `tests/run` plays: families, or single scenarios of them, of what Tidelog serves.

A line here is a promise. `tests/kafka_cli.py` plays the rest, too.
"""

SERVED = (
    "offsets/by-timestamp",
    "offsets/selections",
    "topics/bad-configs",
    "topics/delete",
    "topics/describe-unknown",
    "topics/wrong-use",
)
