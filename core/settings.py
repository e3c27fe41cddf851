"""One typed tree of settings, read once when a command starts; nothing else touches the environment.

Every field may be set as `GOLDLAYER_<BRANCH>__<FIELD>`, for example `GOLDLAYER_SINK__COMMIT_ROWS=50000`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, cast

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from core.errors import InputError

_PREFIX = "GOLDLAYER_"


class _Branch(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PostgresSettings(_Branch):
    """Where the databases live."""

    url: SecretStr | None = None
    """A server to use instead of the embedded one, as a superuser URL."""
    max_connections: int = 200
    """Connection limit of the embedded server."""
    durable: bool = True
    """False switches fsync off in the embedded server: for tests only."""


class EventLogSettings(_Branch):
    """Which event log carries batches from the gateway to the sink."""

    kafka: str | None = None
    """Bootstrap servers of Apache Kafka, `HOST:PORT[,HOST:PORT]`; unset means the PostgreSQL-backed log."""
    partitions: int = 3
    """Partitions of a topic that does not exist yet."""
    replication_factor: int = 1
    """Copies Kafka keeps of every partition."""


class TenancySettings(_Branch):
    """The tenants' own databases."""

    servers: dict[str, SecretStr] = {}
    """Servers for tenants' databases beside the installation's own, superuser URL by name, as JSON; a new tenant goes
    to the one with the fewest."""
    open_pools: int = 50
    """Tenants whose databases one process is connected to at once; others open when they are used."""
    pool_connections: int = 4
    """Connections one process has to one tenant's database at most."""
    pool_idle_s: float = 60.0
    """A tenant's database that nobody used for this long is disconnected."""
    connection_limit: int = 60
    """Connections one tenant's database takes at most, so that none can take the server from the others."""
    fleet_least_tenants: int = Field(default=5, ge=3)
    """Tenants that a figure over several must rest upon; with two, each could work out the other's."""


class VaultSettings(_Branch):
    """Who holds the master key, which wraps every tenant's data key."""

    command: str | None = None
    """Program that wraps and unwraps keys, with arguments: the way to a KMS; unset means a key in the run folder."""
    command_timeout_s: float = 10.0
    """Longest time one call of that program may take."""


class LakeSettings(_Branch):
    """The Delta lake."""

    root: str | None = None
    """Root folder, `s3://BUCKET/FOLDER`, `gs://…` or `az://…`; unset means `lake/` in the run folder."""
    options: dict[str, str] = {}
    """What an object store needs to know, in the libraries' own names (`aws_region`), as JSON; no secrets: those are
    kept by `platform lake secret`."""
    first_day: date = Field(default=date(2000, 1, 1), ge=date(2000, 1, 1))
    """Readings older than this are quarantined, not stored; days before 2000 are not built."""
    checkpoint_every: int = 100
    """Commits between two Delta checkpoints."""


class GatewaySettings(_Branch):
    """The door bridges connect to."""

    host: str = "127.0.0.1"
    """Address to listen on; beyond loopback TLS is required."""
    tls_certificate: Path | None = None
    """Certificate chain of the gateway, PEM; with `tls_key` it serves wss instead of ws."""
    tls_key: Path | None = None
    """Private key of that certificate, PEM."""
    client_ca: Path | None = None
    """Authority of the bridges' own certificates, PEM: with it a key is good only beside a certificate whose common or
    DNS name is `<bridge>.<tenant>`."""
    max_batch_bytes: int = 8 << 20
    """Larger batches are refused for good and quarantined."""
    credit: int = 32
    """Unacknowledged batches one bridge may have in flight."""
    memory_bytes: int = Field(default=256 << 20, gt=0)
    """Bytes of batches, of all bridges together, that may wait for the event log; beyond it sockets are not read. A few
    frames of each socket come on top, and what one batch at a time is decompressed to, which has a limit of its own."""
    bridge_down_after_s: float = Field(default=300.0, gt=0)
    """Silence after which a bridge counts as down and its tenant is told."""
    health_days: float = Field(default=30.0, gt=0)
    """Days that heartbeats are kept as history."""


class SinkSettings(_Branch):
    """Event log to Delta bronze."""

    commit_rows: int = 100_000
    """Commit a table when this many rows wait."""
    commit_interval_s: float = 3.0
    """Commit a table that has waited this long with fewer rows."""
    compact_interval_s: float = 600.0
    """Time between two looks at the bronze tables' small files."""
    compact_files: int = 50
    """Small files of one day from which on they are rewritten into one."""
    max_ahead_s: float = 600.0
    """Source timestamps further ahead of the receive clock than this are quarantined."""


class BridgeSettings(_Branch):
    """The on-site application."""

    journal_interval_s: float = 0.2
    """Longest time a reading waits for its fsync."""
    batch_rows: int = 1_000
    """Rows of one numbered batch."""
    batch_bytes: int = 4 << 20
    """Size above which a batch is halved; the gateway refuses what is larger than its `max_batch_bytes`."""
    seal_rows: int = 500_000
    """Readings the journal holds before the oldest are sealed into one of the historian's files."""
    seal_after_s: float = 3600.0
    """Readings that have waited this long are sealed also when they are fewer."""
    historian_days: float = 365.0
    """Days, from the day it came, that a reading is kept on site: days that passed while the bridge ran, whatever its
    clock says; a time it was away counts for a day at most."""
    historian_max_bytes: int = 50 << 30
    """Size of the historian's files beyond which the oldest are removed."""
    historian_interval_s: float = 60.0
    """Time between two looks at what may be sealed or removed."""
    outbox_max_bytes: int = 4 << 30
    """Size of what waits for the gateway beyond which the contract waits too: readings stay in the journal."""
    store_max_bytes: int = 20 << 30
    """Size of journal and outbox together beyond which devices are not read: what cannot be had from them later is a
    gap with the reason `outbox_full`."""
    catchup_batch_rows: int = 10_000
    """Rows up to which batches of the backlog are put together as they leave."""
    catchup_rows_per_s: float = 200_000.0
    """Rows of the backlog sent in a second at most, so that what is live gets through."""
    vault_key_file: Path | None = None
    """Key of the vault with the devices' secrets; unset means `vault.key` in the bridge's home folder."""
    vault_key: Literal["file", "keyring", "auto"] = "file"
    """Where the key of a vault that is made now goes: that file, the keyring of the operating system (needs the extra
    `keyring`), or the keyring where there is one."""
    pipeline_max_file_bytes: int = 512 << 20
    """Largest file that a pipeline takes as an input: it is read whole."""
    package_max_bytes: int = Field(default=8 << 20, gt=0)
    """Largest package of pipelines and rules that is taken over the link; none is ever larger than 64 MiB."""
    heartbeat_interval_s: float = 30.0
    """Time between two heartbeats to the gateway."""
    reconnect_max_s: float = 30.0
    """Longest pause between two attempts to reach the gateway or a device."""
    gateway_ca: Path | None = None
    """Authority of the gateway's certificate, PEM, and the only one believed; unset means those of the system."""
    certificate: Path | None = None
    """Certificate of this bridge, PEM, for a gateway that asks for one."""
    certificate_key: Path | None = None
    """Private key of that certificate, PEM; unset means it stands in the same file."""


class AgentSettings(_Branch):
    """The agent service and the model providers it may use."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    proxies: list[str] = ["127.0.0.1", "::1"]
    """Addresses or networks of proxies in front, as JSON: only their `X-Forwarded-For` says where a request is from."""
    public_url: str | None = None
    """Where browsers and identity providers reach the service, `https://HOST`; unset means where it listens."""
    provider: str | None = None
    """`offline`, `anthropic` or `openai`; unset picks by the keys present, else `offline`."""
    model: str | None = None
    """Model id; unset means the provider's default in the model registry."""
    anthropic_api_key: SecretStr | None = None
    """Key for Anthropic; the plain `ANTHROPIC_API_KEY` is read too."""
    anthropic_base_url: str | None = None
    """Another server that speaks the Anthropic protocol."""
    openai_api_key: SecretStr | None = None
    """Key for OpenAI; the plain `OPENAI_API_KEY` is read too."""
    openai_base_url: str | None = None
    """Any server that speaks the OpenAI protocol."""
    max_iterations: int = 15
    """Model calls one answer may take."""


class IdentitySettings(_Branch):
    """Sign-in, sessions and links."""

    access_minutes: int = 15
    """Life of a signed access token; the page renews it by itself."""
    session_idle_hours: int = 24
    """A session that nobody renewed for this long has ended."""
    session_days: int = 14
    """Longest life of a session, however busy."""
    refresh_grace_s: float = Field(default=10.0, ge=0.0, le=300.0)
    """A refresh token whose answer was lost may come again for so long, unless that answer's token was used."""
    reset_minutes: int = 60
    """Life of a link that sets a new password."""
    key_requests_per_minute: int = 100
    """What a new API key may ask for if it is not given another rate."""
    failures_per_account_minute: int = Field(default=10, ge=1, le=1_000_000)
    """Failed attempts at one account, link or key, wherever they come from; after that 429 for a while."""
    failures_per_address_and_tenant_minute: int = Field(default=30, ge=1, le=1_000_000)
    """Failed sign-ins from one address at one tenant."""
    failures_per_address_minute: int = Field(default=120, ge=1, le=1_000_000)
    """Failed attempts at one kind of door from one address, whomever they are for."""
    invitation_days: int = 7
    """Life of an invitation."""


class EmbeddingSettings(_Branch):
    """Text to vectors."""

    bulk_from: int = 2_000
    """Texts in one go from which sentence-transformers is started: its 15 s are earned back only by thousands."""


class DagsterSettings(_Branch):
    """The data engineer's home."""

    host: str = "127.0.0.1"
    """Address the webserver listens on."""
    concurrent_runs: int = Field(default=2, ge=1)
    """Runs at work at once, of a tenant never more than one; each may take a gigabyte of memory and a core."""
    run_retries: int = Field(default=2, ge=0)
    """How often a run whose process died is begun again from where it failed."""


class Settings(BaseSettings):
    """The whole tree."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_nested_delimiter="__", frozen=True, extra="ignore")

    run: Path | None = None
    """Run folder; the command line's `--run` wins, `.goldlayer` is the default."""
    log_level: str = "info"
    """Lowest level written to the log."""
    debug: bool = False
    """Show the traceback of an unexpected error instead of filing it."""
    faults: Path | None = None
    """Folder in which chaos rounds arm fault points; never set in an installation that anybody needs."""
    postgres: PostgresSettings = PostgresSettings()
    eventlog: EventLogSettings = EventLogSettings()
    tenancy: TenancySettings = TenancySettings()
    vault: VaultSettings = VaultSettings()
    lake: LakeSettings = LakeSettings()
    gateway: GatewaySettings = GatewaySettings()
    sink: SinkSettings = SinkSettings()
    bridge: BridgeSettings = BridgeSettings()
    identity: IdentitySettings = IdentitySettings()
    agents: AgentSettings = AgentSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    dagster: DagsterSettings = DagsterSettings()


class _ProviderKeys(BaseSettings):
    """The names every SDK's users already have in their environment."""

    anthropic_api_key: SecretStr | None = None
    anthropic_base_url: str | None = None
    openai_api_key: SecretStr | None = None
    openai_base_url: str | None = None


def as_environment(settings: Settings) -> dict[str, str]:
    """Variables from which another process loads these very settings; defaults are left out. Holds secrets."""
    return _variables(settings, _PREFIX)


def _variables(branch: BaseModel, prefix: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, field in type(branch).model_fields.items():
        value = getattr(branch, name)
        if isinstance(value, BaseModel):
            found.update(_variables(value, f"{prefix}{name.upper()}__"))
        elif value is not None and value != field.get_default(call_default_factory=True):
            found[f"{prefix}{name.upper()}"] = _as_text(value)
    return found


def _as_text(value: object) -> str:
    if isinstance(value, dict):
        return json.dumps({key: _as_text(one) for key, one in cast("dict[str, object]", value).items()})
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)


def _refuse_unknown(names: Iterable[str]) -> None:
    """A misspelt branch would otherwise be ignored in silence; inside a branch the model refuses."""
    known = {f"{_PREFIX}{name.upper()}" for name in Settings.model_fields}
    for name in sorted(names):
        if name.startswith(_PREFIX) and name.split("__", 1)[0] not in known:
            raise InputError(
                "no such setting",
                expected=", ".join(get_close_matches(name, sorted(known), n=3)) or ", ".join(sorted(known)),
                where=name,
                next_step="correct or unset the variable",
            )


def load_settings() -> Settings:
    """Read the environment once.

    Raises:
        InputError: a variable does not fit its field, or names none.
    """
    _refuse_unknown(os.environ)
    try:
        settings = Settings()
        plain = {key: value for key, value in _ProviderKeys().model_dump().items() if value is not None}
    except SettingsError as error:
        # Without its cause, which carries the text along.
        raise InputError(
            "a setting is no JSON", where=_PREFIX, received=str(error), next_step="correct or unset the variable"
        ) from None
    except ValidationError as error:
        first = error.errors()[0]
        name = _PREFIX + "__".join(str(part) for part in first["loc"]).upper()
        raise InputError(
            "a setting cannot be read",
            expected=first["msg"],
            received=first.get("input"),
            where=name,
            next_step="correct or unset the variable",
        ) from error
    missing = {key: value for key, value in plain.items() if getattr(settings.agents, key) is None}
    return settings.model_copy(update={"agents": settings.agents.model_copy(update=missing)})
