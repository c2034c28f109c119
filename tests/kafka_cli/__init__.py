"""Kafka's own command-line tools against Kafka and against Tidelog, and what the two make them print."""
