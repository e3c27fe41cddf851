"""The on-site application: device to journal, journal to outbox, outbox to gateway, each a task of its own."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

from bridge.ageing import Ageing
from bridge.backoff import keep_running, wait_for, wait_for_either
from bridge.catchup import Largest
from bridge.config import BridgeConfig
from bridge.drivers import drivers_for
from bridge.etl.service import Pipelines, remember_site
from bridge.health import Monitor
from bridge.in_force import Contracts
from bridge.outbox import Outbox, OutboxWriter, Sender
from bridge.processor import Processor
from bridge.recorder import Recorder
from bridge.rules.service import Rules
from bridge.runner import Runner
from bridge.segments import note_latest, retain, seal, tidy
from bridge.store import Store, get_meta
from bridge.threads import in_thread
from bridge.tools.devices import Devices
from bridge.tools.service import SiteTools
from bridge.uplink import Link, Uplink
from bridge.vault import BridgeVault
from core.contracts.data_contract import DataContract
from core.errors import TerminalError
from core.log import get_logger
from core.settings import BridgeSettings

_STEP_INTERVAL_S = 0.25
"""Shortest time between two steps of the contract, so that slow sites do not send a batch for every reading."""
_LOOK_INTERVAL_S = 1.0
"""Time between two looks at the contract's file, and at what waits for the contract although nothing is read."""
_log = get_logger("bridge")


async def run(config: BridgeConfig, stop: asyncio.Event) -> None:
    """Bridge one site until `stop` is set.

    Every part is restarted with growing pauses when it fails; what is journaled and stored survives anything.

    Raises:
        InputError: site, contract, secrets, home or gateway cannot be worked with; nothing was started.
    """
    drivers = drivers_for(
        config.site, BridgeVault(config.home, config.settings.vault_key_file, config.settings.vault_key)
    )
    with Store.open(config.home) as store:
        with store.writing() as connection:
            incarnation = get_meta(connection, "incarnation")
        _log.info("bridge starts", action="start", site=config.site.site, incarnation=incarnation)
        journaled, stored, link = asyncio.Event(), asyncio.Event(), Link()
        settings = config.settings
        contracts = await in_thread(Contracts.begin, store, config.site, config.contract, config.contract_file)
        sender = Sender(config.bridge_id, incarnation, config.site.site, contracts.current)
        recorder = await in_thread(Recorder, store, config.site, clocked=drivers[0].clocked)
        # One that waits for its device keeps no other waiting.
        runners = [
            Runner(
                driver,
                recorder,
                journaled,
                endpoint=device.endpoint or "",
                journal_interval_s=settings.journal_interval_s,
                poll_interval_s=config.site.poll_interval_s,
                longest_pause_s=settings.reconnect_max_s,
                store_max_bytes=settings.store_max_bytes,
            )
            for device, driver in zip(config.site.measured().by_endpoint(), drivers, strict=True)
        ]
        remember_site(store, config.site, config.bridge_id)
        pipelines = Pipelines(store, recorder, config.site, settings)
        monitor = Monitor(config, store, runners, contracts)
        rules = Rules(store, recorder, config.site)
        processor = Processor(
            store,
            config.site,
            OutboxWriter(sender, settings.batch_rows, settings.batch_bytes),
            outbox_max_bytes=settings.outbox_max_bytes,
        )
        outbox_connection = store.connect()
        outbox = Outbox(outbox_connection, Largest(settings.catchup_batch_rows, settings.batch_bytes))
        tools = SiteTools(config.site, contracts, config.home, Devices.of(config.site, drivers))
        uplink = Uplink(config, incarnation, outbox, link, stored, monitor.look, contracts, tools.calls())
        longest = settings.reconnect_max_s
        try:
            async with asyncio.TaskGroup() as parts:
                for runner in runners:
                    parts.create_task(keep_running("device", partial(runner.read, stop), stop, longest))
                    parts.create_task(keep_running("journal", partial(runner.write, stop), stop, longest))
                parts.create_task(
                    keep_running(
                        "contract",
                        lambda: _process(processor, contracts, link, journaled, stored, stop),
                        stop,
                        longest,
                    )
                )
                if config.contract_file is not None:
                    looking = partial(_watch_contract, contracts, config.contract_file, stop)
                    parts.create_task(keep_running("contract file", looking, stop, longest))
                parts.create_task(
                    keep_running("historian", lambda: _keep_history(store, settings, stop), stop, longest)
                )
                parts.create_task(keep_running("rules", lambda: rules.run(journaled, stop), stop, longest))
                parts.create_task(keep_running("pipelines", lambda: pipelines.run(journaled, stop), stop, longest))
                parts.create_task(keep_running("health", lambda: monitor.keep(stop), stop, longest))
                parts.create_task(keep_running("uplink", lambda: uplink.run(stop), stop, longest))
        except* TerminalError as failures:
            raise first_of(failures) from None
        finally:
            pipelines.close()
            rules.close()
            recorder.close()
            processor.close()
            monitor.close()
            outbox_connection.close()
            _log.info("bridge stopped", action="stop", site=config.site.site)


async def _keep_history(store: Store, settings: BridgeSettings, stop: asyncio.Event) -> None:
    """Seal what the contract has passed, remove what is past its time."""
    with store.writing() as connection:
        await in_thread(tidy, connection, store.home)
        await in_thread(note_latest, connection, store.home)
        ageing = await in_thread(Ageing, connection)
        while not await wait_for(stop, settings.historian_interval_s):
            sealing = partial(seal, connection, store.home, rows=settings.seal_rows, age_s=settings.seal_after_s)
            while await in_thread(sealing):
                pass
            removing = partial(retain, days=settings.historian_days, most_bytes=settings.historian_max_bytes)
            age_us = await in_thread(ageing.advance)
            removed = await in_thread(partial(removing, connection, store.home, age_us=age_us))
            if removed:
                _log.info("historian has removed its oldest readings", action="retain", readings=removed)


def first_of(failures: BaseExceptionGroup[TerminalError]) -> TerminalError:
    """The error to show, out of what several parts raised."""
    first = failures.exceptions[0]
    return first_of(first) if isinstance(first, BaseExceptionGroup) else first


async def _watch_contract(contracts: Contracts, file: Path, stop: asyncio.Event) -> None:
    """Take up what is written into the contract's file."""
    while not await wait_for(stop, _LOOK_INTERVAL_S):
        await in_thread(contracts.look_at, file)


async def _process(
    processor: Processor,
    contracts: Contracts,
    link: Link,
    journaled: asyncio.Event,
    stored: asyncio.Event,
    stop: asyncio.Event,
) -> None:
    """Run the contract whenever frames wait; another one takes force between two steps."""
    while not stop.is_set():
        journaled.clear()
        proposed = contracts.next
        taken = await in_thread(_step, processor, proposed, contracts.file_sha256, linked=link.connected)
        if proposed is not None:
            contracts.took_force(proposed)
        stored.set()
        if await wait_for(stop, 0 if taken > 1 else _STEP_INTERVAL_S):
            return
        if taken <= 1:
            await wait_for_either(stop, journaled, _LOOK_INTERVAL_S)


def _step(processor: Processor, proposed: DataContract | None, file_sha256: str, *, linked: bool) -> int:
    """Judge by another contract, if there is one, what comes next; frames taken."""
    live = linked and not processor.behind()
    if proposed is not None:
        processor.adopt(proposed, file_sha256, live=live)
    return processor.run_once(live=live)
