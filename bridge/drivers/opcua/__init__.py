"""OPC UA: subscriptions with history to fill what a broken connection missed."""
