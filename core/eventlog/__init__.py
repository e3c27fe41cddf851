"""The event log that carries batches from the gateway to the sink: in memory, in PostgreSQL, in Apache Kafka.

One face, `EventLog`; one contract test runs on all three.
"""

from core.eventlog.log import EventLog, Outgoing, Record, partition_of
from core.eventlog.opening import open_event_log

__all__ = ["EventLog", "Outgoing", "Record", "open_event_log", "partition_of"]
