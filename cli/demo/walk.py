"""The walk itself: every step from an empty folder to answers, each with a line of progress and its seconds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from bridge.books import BridgeBooks, read_books
from cli.demo import figures, questions
from cli.demo.builds import TableBuilder
from cli.demo.history import load_history
from cli.demo.plants import PlantState, read_state
from cli.demo.progress import Progress
from cli.demo.stream import View, until_settled
from cli.demo.summary import Answer, Assets, Readings, Summary
from cli.demo.verdict import Verdict, judge
from cli.parts import (
    agents_part,
    bridge_part,
    dagster_parts,
    gateway_part,
    plant_part,
    plant_state,
    sink_part,
)
from cli.session import initialise
from cli.sites import SiteOnDisk
from cli.up import furnishing_sites, register
from core.audit import Actor
from core.eventlog import EventLog, open_event_log
from core.identity import IdentityService
from core.run.folder import RunFolder
from core.run.memory import PeakMemory
from core.run.postgres import Postgres
from core.run.supervisor import Supervisor
from core.settings import Settings
from core.tenancy import Tenancy
from ingestion.lag import lag
from lake.opening import open_lake
from lake.spec import TableSpec
from lake.store import TenantLake
from lake.tables import bronze, silver

ANALYST_ROLE = "operator"
_DEMO = Actor.command("demo")
_MOST_REASONS = 5


@dataclass(slots=True)
class Walk:
    """One walk over one run folder; the steps are called in the order in which they stand here."""

    run: RunFolder
    settings: Settings
    postgres: Postgres
    supervisor: Supervisor
    sites: list[SiteOnDisk]
    speed: float | None
    peak: PeakMemory
    progress: Progress
    builder: TableBuilder | None = None
    view: View | None = None
    verdict: Verdict | None = None
    assets: Assets | None = None
    answers: list[Answer] = field(default_factory=list[Answer])

    @property
    def tenants(self) -> list[str]:
        """Slugs, in the order of the sites."""
        return list(dict.fromkeys(one.site.tenant for one in self.sites))

    @property
    def lakes(self) -> list[TenantLake]:
        """One lake a tenant."""
        lake = open_lake(self.run, self.settings)
        return [lake.tenant(slug) for slug in self.tenants]

    async def provision(self) -> None:
        """Databases, tenants, their sites and analysts; all of it may be there already."""
        with self.progress.step("migrate", "migrating the platform database"):
            await initialise(self.run, self.postgres, self.settings)
        with self.progress.step("provision", f"provisioning {_counted(len(self.tenants), 'tenant')}, a database each"):
            async with await Tenancy.open(self.run, self.postgres, self.settings) as tenancy:
                furnish = await furnishing_sites(tenancy, self.run, self.settings, actor=_DEMO)
                for one in self.sites:
                    await register(tenancy, one, furnish=furnish)
                people = IdentityService(tenancy, self.run, self.settings)
                for slug in self.tenants:
                    scope = await tenancy.get(slug)
                    await people.add_person(
                        scope, _email(slug), "Analyst", self._password(slug), ANALYST_ROLE, actor=_DEMO
                    )
        with self.progress.step("history", "loading recorded lives"):
            for one, lake in zip(self.sites, self._lake_of_each_site(), strict=True):
                if rows := load_history(one, lake):
                    self.progress.say(f"  {one.site.site}: {rows:,} readings of machines that ran to failure")

    async def stream(self) -> None:
        """Plants and bridges, gateway and sink, until everything the plants have is in the lake."""
        with self.progress.step("start", "starting gateway, sink, plants and bridges"):
            plants = [plant_part(self.run, self.settings, one.site.site, one.file, self.speed) for one in self.sites]
            doors = [gateway_part(self.run, self.settings), sink_part(self.run, self.settings)]
            await self.supervisor.up([*doors, *plants])
            async with await Tenancy.open(self.run, self.postgres, self.settings) as tenancy:
                files = [await register(tenancy, one, self._endpoint(one)) for one in self.sites]
            await self.supervisor.up([bridge_part(self.run, self.settings, one) for one in files])
        with self.progress.step("stream", "streaming the recordings over OPC UA and Modbus"):
            self.builder = await TableBuilder.start(self.run, self.settings)
            log = await open_event_log(self.settings, self.run, self.postgres)
            try:
                self.view = await until_settled(lambda: self._look(log), self.progress)
            finally:
                await log.close()
        with self.progress.step("proof", "holding bronze against the recordings"):
            gaps = [self._books(one).gaps for one in self.sites]
            self.verdict = judge(self.sites, self._lake_of_each_site(), gaps)
            self.progress.say(
                f"  lost {self.verdict.lost}, duplicated {self.verdict.duplicated}, "
                f"unexpected {self.verdict.unexpected}, in recorded gaps {self.verdict.in_gaps}"
            )
            for row in self.verdict.examples:
                self.progress.say(f"  differs: {row}")
            self._tell_kept_apart("quarantined", bronze.QUARANTINE)

    async def build(self) -> None:
        """Dagster builds what the new data touched, checks included."""
        with self.progress.step("build", "building silver, gold, marts, vectors and training pairs"):
            builder = self.builder or await TableBuilder.start(self.run, self.settings)
            self.assets = Assets.model_validate(await builder.build(self.progress))
            self._tell_kept_apart("rejected", silver.QUARANTINE)

    def _tell_kept_apart(self, what: str, table: TableSpec) -> None:
        for reason, rows in figures.reasons(self.lakes, table)[:_MOST_REASONS]:
            self.progress.say(f"  {what} {rows:,}: {reason}")

    async def aclose(self) -> None:
        """Leave no process of this walk behind; the parts are the supervisor's."""
        if self.builder is not None:
            await self.builder.stop()

    @property
    def has_questions(self) -> bool:
        """True if a site file asks something."""
        return any(one.site.questions for one in self.sites)

    async def answer(self) -> None:
        """The agent service starts and answers each tenant's analyst."""
        with self.progress.step("agents", "starting the agent service"):
            await self.supervisor.up([agents_part(self.run, self.settings)])
        with self.progress.step("answers", "asking as each tenant's analyst"):
            for one in self.sites:
                if not one.site.questions:
                    continue
                slug = one.site.tenant
                token = await questions.sign_in(self.agents_url, slug, _email(slug), self._password(slug))
                for question in one.site.questions:
                    answer = await questions.ask(self.agents_url, token, slug, question)
                    self.answers.append(answer)
                    self._print(answer)

    def _print(self, answer: Answer) -> None:
        self.progress.say(f"{answer.tenant} asks: {answer.question}")
        for line in answer.answer.splitlines():
            self.progress.say(f"    {line}")
        self.progress.say(f"    tools: {', '.join(answer.tools) or 'none'}")
        for one in answer.evidence:
            checks = ", ".join(f"{count} {status}" for status, count in Counter(one.checks.values()).items()) or "none"
            self.progress.say(
                f"    evidence: {one.table} version {one.version}, {_counted(one.rows, 'row')}, checks: {checks}"
            )

    async def open_house(self) -> None:
        """Start what a person looks at."""
        with self.progress.step("dagster", "starting the Dagster webserver and daemon"):
            await self.supervisor.up(dagster_parts(self.run, self.settings))

    @property
    def agents_url(self) -> str:
        """Where the agent service listens."""
        return f"http://{self.settings.agents.host}:{self.run.port('agents')}"

    def addresses(self) -> list[str]:
        """Lines that say where to look."""
        dagster = f"http://{self.settings.dagster.host}:{self.run.port('dagster-webserver')}"
        people = [
            f"  sign in to {slug} as {_email(slug)}, password in {self.run.secrets / f'analyst_{slug}'}"
            for slug in self.tenants
        ]
        return [
            f"Dagster    {dagster}",
            f"agent API  {self.agents_url}/openapi.json",
            f"chat       {self.agents_url}/",
            *people,
            "Ctrl-C stops everything",
        ]

    async def summary(self) -> Summary:
        """What the installation holds now."""
        streamed = figures.streamed([self._books(one) for one in self.sites], self._plants())
        terms = figures.readings(streamed, self.lakes, self.verdict) if self.verdict else None
        built = await figures.built(self.run, self.settings, self.postgres, self.tenants)
        return Summary(
            readings=Readings.model_validate(terms) if terms else None,
            assets=self.assets,
            checks=built.checks,
            kpis=built.kpis,
            embeddings=built.embeddings,
            training_pairs=built.training_pairs,
            answers=self.answers,
            seconds={**self.progress.seconds, "total": self.progress.total},
            peak_mb=round(self.peak.peak_bytes / 1e6),
            event_log="kafka" if self.settings.eventlog.kafka else "postgres",
        )

    async def _look(self, log: EventLog) -> View:
        behind = await lag(log, open_lake(self.run, self.settings), self.tenants)
        return View(self._plants(), [self._books(one) for one in self.sites], sum(behind.values()))

    def _plants(self) -> list[PlantState]:
        return [read_state(plant_state(self.run, one.site.site)) for one in self.sites]

    def _books(self, one: SiteOnDisk) -> BridgeBooks:
        return read_books(self.run.bridges / one.site.site)

    def _lake_of_each_site(self) -> list[TenantLake]:
        lake = open_lake(self.run, self.settings)
        return [lake.tenant(one.site.tenant) for one in self.sites]

    def _endpoint(self, one: SiteOnDisk) -> str:
        scheme = "opc.tcp" if one.site.protocol == "opcua" else "modbus"
        return f"{scheme}://127.0.0.1:{self.run.port(f'plant-{one.site.site}')}"

    def _password(self, slug: str) -> str:
        return self.run.secret(f"analyst_{slug}")


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _email(slug: str) -> str:
    # A domain that can never exist (RFC 2606): nobody receives what is sent there.
    return f"analyst@{slug}.example"
