"""Pipelines on site: source, transform, validate, load, declared in YAML; what they load is readings like any other."""
