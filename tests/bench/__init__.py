"""The benchmark beside Apache Kafka."""
