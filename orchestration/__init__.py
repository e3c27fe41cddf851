"""Dagster definitions: resources, partitions, jobs, sensors."""
