"""Kafka: the seam, the client, the embedded broker and a bus in memory for tests and off-line work."""
