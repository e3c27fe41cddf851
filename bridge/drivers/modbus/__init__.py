"""Modbus: polled registers over TCP or a serial line, in as few reads as no sample is torn by."""
