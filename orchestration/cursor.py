"""How far bronze has been worked off: the sensor's cursor and that of runs by hand, as one.

Dagster keeps a sensor's cursor itself and moves it together with the runs it requests; runs by hand keep theirs beside
it. Who asks gets the farther of the two for each table, so that neither repeats the other's work.
"""

import json
from collections.abc import Iterable

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorState, SensorInstigatorData

SENSOR = "bronze_watch"
_BY_HAND = "goldlayer/bronze_watch"

Versions = dict[str, dict[str, int]]
"""Delta version by tenant and table."""


def read(instance: dg.DagsterInstance) -> Versions:
    """Versions up to which everything was built or requested."""
    by_hand = instance.run_storage.get_cursor_values({_BY_HAND}).get(_BY_HAND)
    return farther(parse(text) for text in (by_hand, *_of_sensor(instance)))


def remember(instance: dg.DagsterInstance, versions: Versions) -> None:
    """Note what was built by hand."""
    instance.run_storage.set_cursor_values({_BY_HAND: write(versions)})


def parse(text: str | None) -> Versions:
    """Versions from their text; none from none."""
    return json.loads(text) if text else {}


def write(versions: Versions) -> str:
    """Versions as text, always the same for the same."""
    return json.dumps(versions, sort_keys=True)


def farther(several: Iterable[Versions]) -> Versions:
    """The highest version of each table of each tenant."""
    found: Versions = {}
    for versions in several:
        for tenant, tables in versions.items():
            known = found.setdefault(tenant, {})
            known.update({table: max(version, known.get(table, -1)) for table, version in tables.items()})
    return found


def forget(instance: dg.DagsterInstance, tenant: str) -> None:
    """Drop what is remembered of a tenant that was removed: one of that slug made later begins at version 0 again."""
    by_hand = parse(instance.run_storage.get_cursor_values({_BY_HAND}).get(_BY_HAND))
    if by_hand.pop(tenant, None) is not None:
        remember(instance, by_hand)
    for state, data in _sensors(instance):
        versions = parse(data.cursor)
        if versions.pop(tenant, None) is not None:
            changed = SensorInstigatorData(*data._replace(cursor=write(versions)))
            instance.update_instigator_state(state.with_data(changed))


def _of_sensor(instance: dg.DagsterInstance) -> list[str | None]:
    return [data.cursor for _, data in _sensors(instance)]


def _sensors(instance: dg.DagsterInstance) -> list[tuple[InstigatorState, SensorInstigatorData]]:
    if instance.schedule_storage is None:  # an instance in memory keeps no sensors
        return []
    states = instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
    return [
        (state, state.instigator_data)
        for state in states
        if state.instigator_name == SENSOR and isinstance(state.instigator_data, SensorInstigatorData)
    ]
