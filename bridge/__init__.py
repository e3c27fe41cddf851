"""The on-site application: drivers, journal, contract, outbox. Installs alone."""
