"""What the two tenants are filled with: a site, tables, vectors, a lake, a conversation; all of it marked."""

from __future__ import annotations

import base64
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from agents.sessions import SCHEMA, TABLES, Sessions
from core.audit import Actor
from core.bridge_calls import BridgeCalls
from core.bridge_calls.packages import BridgePackages
from core.connector import TenantDataConnector, connector_for
from core.contracts.data_contract import DataContract
from core.contracts.health import BridgeHealth, Device
from core.contracts.odcs import parse_contract, permissive_contract
from core.contracts.package import Audience
from core.contracts.site import SiteFile
from core.db import TenantScope
from core.db.queries import parse_queries
from core.identity import IdentityService
from core.identity.authority import Authority
from core.identity.federation.providers import NewProvider, Providers
from core.module_settings import secret_name
from core.sdk.sample import SamplePlant
from core.tenancy import Tenancy
from core.vault import Secret
from core.vault.vault import Vault
from lake.store import TenantLake
from lake.tables import TABLES as LAKE_TABLES

ACTOR = Actor.command("test")
ISSUER = "https://login.works.example"
SECRET = "kept"
"""Under this name both keep something; under `hidden` only B."""
MODULE = "SCADA_MONITOR"
PACKAGE = "lab"
FILES = {
    "rules/lab.yaml": b"rules: [{rule: high, equipment_type: centrifugal_pump, signal: flow, event: high, "
    b"threshold: {above: 5}}]\n"
}
"""Of a package for bridges."""
SCHEMA_OF_NOTES = "desk"
NOTES = {
    "columns": {
        "id": {"type": "integer", "primary_key": True},
        "owner": {"type": "string"},
        "amount": {"type": "float"},
        "seen_at": {"type": "timestamp"},
        "extra": {"type": "json"},
        "embedding": {"type": "vector", "dimensions": 2},
    }
}
DAYS = (date(2023, 4, 5), date(2023, 4, 6), date(2023, 4, 7))
"""Days of the lake: the second has a fault, which stands in memory too."""
_PLANT = SamplePlant(site="same-hall", days=50)
# Read beside the package: importing it would load Dagster.
_MEMORY_SQL = Path(__file__).parents[2] / "assets" / "embeddings" / "queries.sql"
_MEMORY = parse_queries(_MEMORY_SQL.read_text(encoding="utf-8"), where="memory")
_MARKED = ("message", "reason", "drivers")


async def site(
    tenancy: Tenancy, scope: TenantScope, name: str, machine: str, mark: str, actor: Actor
) -> tuple[DataContract, str]:
    """A registered site with three machines; its contract and its bridge's key."""
    signals = [{"name": "flow", "unit": "l/min"}, {"name": "motor_current", "unit": "A"}]
    equipment = [{"id": f"{machine}-[1..3]", "type": "centrifugal_pump", "signals": signals}]
    form = {"tenant": scope.slug, "site": name, "site_name": f"Hall {mark}", "protocol": "opcua"}
    known = SiteFile.model_validate({**form, "equipment": equipment})
    contract = parse_contract(permissive_contract(known), where=name)
    await tenancy.register_site(scope, known, contract, actor=actor)
    await _bridge_back(tenancy, scope, f"{name}-bridge", mark)
    return contract, (await tenancy.bridge_key_file(scope, name)).read_text()


async def _bridge_back(tenancy: Tenancy, scope: TenantScope, bridge_id: str, mark: str) -> None:
    """A bridge that has said how it is, was away and is back, which the tenant was told."""
    device = Device(endpoint=f"opc.tcp://{mark}", equipment=(mark,), signals=len(mark))
    health = BridgeHealth.model_validate(
        {"version": mark, "started_at": "2024-03-01T12:00:00Z", "contract": mark, "drivers": ()}
        | dict.fromkeys(("outbox_batches", "outbox_rows", "outbox_bytes", "disk_free_bytes", "memory_bytes"), len(mark))
        | {"outbox_oldest_s": None, "cpu_percent": 1.0}
    )
    await tenancy.fleet.introduce(scope, bridge_id, mark, (device,))
    await tenancy.fleet.beat(scope, bridge_id, mark, health, 0.0)
    async with tenancy.platform.transaction(scope.id) as transaction:
        silent = "update bridges set last_seen = now() - interval '1 day' where bridge_id = $1"
        await transaction.execute(silent, bridge_id)
    await tenancy.fleet.take_down(scope, bridge_id)
    await tenancy.fleet.seen(scope, bridge_id, mark)


async def notes(tenancy: Tenancy, scope: TenantScope, mark: str, count: int, *, hidden: bool) -> TenantDataConnector:
    """A module's tables: the same in both, and one more in B."""
    data = await connector_for(tenancy, scope, schema=SCHEMA_OF_NOTES)
    tables: dict[str, Any] = {"notes": NOTES, "drafts": NOTES, "scraps": NOTES}
    await data.provision_tables({**tables, "hidden_notes": NOTES} if hidden else tables)
    factor = 7.0 if hidden else 1.0
    rows = [note(number, mark, factor) for number in range(count)]
    await data.upsert("notes", rows, key=["id"])
    if hidden:
        await data.upsert("hidden_notes", rows, key=["id"])
    return data


async def secrets(vault: Vault, scope: TenantScope, mark: str, *, hidden: bool) -> None:
    """Secrets of a module's settings."""
    own = vault.of(scope, ACTOR)
    for key in (SECRET, "hidden") if hidden else (SECRET,):
        await own.put(secret_name(MODULE, key), Secret(f"secret {mark}"), purpose="filling")


@dataclass(frozen=True)
class Packed:
    """What a tenant has signed for its bridges."""

    public_key: bytes
    older: bytes
    newer: bytes
    elsewhere: bytes
    """Newer still, and for another site."""


async def packages(tenancy: Tenancy, vault: Vault, scope: TenantScope) -> Packed:
    """A package in two versions, under the tenant's own key."""
    signing = BridgePackages(tenancy.platform, vault, tenancy.audit, BridgeCalls(tenancy.platform))
    key = await signing.public_key(scope, ACTOR)
    older, newer = [await signing.sign(scope, ACTOR, PACKAGE, one, FILES) for one in ("1.0.0", "1.1.0")]
    elsewhere = await signing.sign(scope, ACTOR, PACKAGE, "1.2.0", FILES, Audience(sites=("elsewhere",)))
    return Packed(key, older, newer, elsewhere)


async def attic(tenancy: Tenancy, scope: TenantScope, name: str) -> None:
    """Tables of a module the tenant has left, put aside."""
    data = await connector_for(tenancy, scope, schema=name)
    await data.provision_tables({"drafts": NOTES}, version="1.0.0")
    await data.archive()


def note(number: int, mark: str, factor: float = 1.0) -> dict[str, Any]:
    """One row; its vector is the same in both tenants."""
    said = {"id": number, "owner": mark, "amount": factor * (number + 1), "extra": {"of": mark}}
    return {**said, "seen_at": "2024-03-01T12:00:00+00:00", "embedding": [1.0, float(number)]}


async def memory(tenancy: Tenancy, scope: TenantScope, mark: str) -> None:
    """Incidents with vectors: what is one in A is the very next in B."""
    database = await tenancy.database(scope)
    await database.execute(_MEMORY["create_memory"])
    vector = [1.0] + [0.0] * 383
    await database.execute(
        "insert into memory.fault_memory (id, kind, site, equipment_id, equipment_type, episode_id, happened_at, text,"
        " embedding, model, source_table, delta_version) values ($1, 'fault_episode', 'same-hall', 'pump-1',"
        " 'centrifugal_pump', 'pump-1/SEAL_LEAK/2023-04-06', '2023-04-06', $2, $3, 'm', 'silver.fault_episodes', 0)"
        " on conflict do nothing",
        "one",
        f"seal leaks {mark}",
        vector,
    )


def lake(tables: TenantLake, mark: str, *, hidden: bool) -> None:
    """A plant's tables; B's values are larger, and it has machines A has not."""
    plants = [replace(_PLANT, scale=7.0 if hidden else 1.0)]
    if hidden:
        plants.append(replace(_PLANT, prefix="hidden-pump", equipment_type="hidden_pump", site="hidden-hall"))
    for name in plants[0].tables():
        rows = pa.concat_tables([_marked(_few(plant.tables()[name]), mark) for plant in plants])
        tables.replace_all(LAKE_TABLES[name], as_declared(name, rows))


def _few(table: pa.Table) -> pa.Table:
    """Some days of it: a day is a file, and every look at the lake opens them all."""
    return table.filter(pc.and_(pc.greater_equal(table["date"], DAYS[0]), pc.less_equal(table["date"], DAYS[-1])))


def _marked(table: pa.Table, mark: str) -> pa.Table:
    for name in _MARKED:
        if name in table.column_names:
            texts = [None if text is None else f"{text} {mark}" for text in table[name].to_pylist()]
            table = table.set_column(table.column_names.index(name), name, pa.array(texts, pa.string()))
    return table


def as_declared(name: str, table: pa.Table) -> pa.Table:
    """A sample table in the declared schema; columns the sample lacks are null, or zero where they may not be."""
    columns = []
    for field in LAKE_TABLES[name].schema:
        if field.name in table.column_names:
            columns.append(table[field.name].cast(field.type))
        elif field.nullable:
            columns.append(pa.nulls(len(table), field.type))
        else:
            columns.append(pa.array([0] * len(table)).cast(field.type))
    return pa.table(columns, schema=LAKE_TABLES[name].schema)


@dataclass(frozen=True)
class Staff:
    """Who else has something to do with a tenant: a program by its key, a guest by an invitation."""

    key_id: UUID
    api_key: str
    invitation_id: UUID


async def staff(identity: IdentityService, scope: TenantScope, *, hidden: bool) -> Staff:
    """A program and a guest; B's have names of their own."""
    prefix, by = ("hidden" if hidden else "own"), Authority.command("test")
    key = await identity.api_keys.create(scope, f"{prefix}-robot", "attack", ["viewer"], by=by)
    await identity.invitations.invite(scope, f"{prefix}-guest@works.example", "Guest", ["viewer"], by=by)
    invitations = await identity.invitations.open(scope)
    return Staff(key.id, key.key, invitations[0].id)


async def way_in(tenancy: Tenancy, vault: Vault, scope: TenantScope, mark: str, *, open_to_all: bool) -> None:
    """An identity provider. Whoever knocks at a tenant's door sees which stand open, so B's is shut."""
    providers = Providers(tenancy, vault)
    known = [one.name for one in await providers.list(scope)]
    for name in ("works-login",) if open_to_all else ("works-login", "hidden-login"):
        new = NewProvider(name, f"Works {mark}", "saml", ISSUER, metadata=_metadata())
        if name not in known:
            await providers.add(scope, new, actor=ACTOR)
        await providers.set_enabled(scope, name, open_to_all, actor=ACTOR)


def _metadata() -> str:
    """What a SAML provider publishes about itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "login")])
    form = x509.CertificateBuilder(name, name, key.public_key(), 1, datetime(2020, 1, 1), datetime(2040, 1, 1))
    told = base64.b64encode(form.sign(key, SHA256()).public_bytes(Encoding.DER)).decode()
    return (
        '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" '
        f'xmlns:ds="http://www.w3.org/2000/09/xmldsig#" entityID="{ISSUER}">'
        '<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">'
        f'<md:KeyDescriptor use="signing"><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{told}</ds:X509Certificate>'
        "</ds:X509Data></ds:KeyInfo></md:KeyDescriptor><md:SingleSignOnService "
        f'Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="{ISSUER}/sso"/>'
        "</md:IDPSSODescriptor></md:EntityDescriptor>"
    )


async def session(tenancy: Tenancy, scope: TenantScope, person_id: UUID, mark: str) -> UUID:
    """A conversation somebody had."""
    data = await connector_for(tenancy, scope, schema=SCHEMA)
    await data.provision_tables(TABLES)
    sessions = Sessions(data, person_id)
    session_id = await sessions.open(None, f"What about the pump {mark}?")
    await sessions.remember(session_id, f"What about the pump {mark}?", f"It leaks {mark}.", {})
    return session_id
