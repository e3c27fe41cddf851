"""The event log that carries batches from the gateway to the sink: in memory, in PostgreSQL, in Apache Kafka.

One face, `EventLog`; one contract test runs on all three.
"""

from core.eventlog.group import Membership, Shares
from core.eventlog.log import EventLog, Outgoing, Record, partition_of
from core.eventlog.opening import open_event_log

__all__ = ["EventLog", "Membership", "Outgoing", "Record", "Shares", "open_event_log", "partition_of"]
