"""Modbus TCP: polled registers, one read a machine where they fit."""
