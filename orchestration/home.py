"""Dagster's home in the run folder: its instance file, and the variables its processes need."""

from __future__ import annotations

import os
from pathlib import Path

from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.settings import Settings, as_environment

WORKSPACE = "workspace.yaml"
"""In Dagster's home: which code its programs load."""
_DATABASE, _ROLE = "dagster", "goldlayer_dagster"
_URL = "DAGSTER_STORAGE_URL"
_INSTANCE = f"""\
# Written by `platform dagster`; the address of the storage holds a password, so it comes from the environment.
run_storage:
  module: dagster_postgres
  class: PostgresRunStorage
  config: {{{{postgres_url: {{{{env: {_URL}}}}}}}}}
schedule_storage:
  module: dagster_postgres
  class: PostgresScheduleStorage
  config: {{{{postgres_url: {{{{env: {_URL}}}}}}}}}
event_log_storage:
  module: orchestration.event_log
  class: RangeEventLogStorage
  config: {{{{postgres_url: {{{{env: {_URL}}}}}}}}}
run_coordinator:
  module: orchestration.run_queue
  class: TenantQueue
  # A machine that starts slowly is no reason to fail a run before it began.
  config: {{{{max_user_code_failure_retries: 10, user_code_failure_retry_delay: 60}}}}
code_servers: {{{{local_startup_timeout: 600}}}}
run_launcher:
  module: orchestration.run_launcher
  class: WatchedRunLauncher
concurrency:
  runs:
    max_concurrent_runs: {{concurrent_runs}}
    tag_concurrency_limits:
      # A tenant's runs one after the other: a rebuild in several runs relies on their order.
      - {{{{key: tenant, value: {{{{applyLimitPerUniqueValue: true}}}}, limit: 1}}}}
run_monitoring:
  enabled: true
  start_timeout_seconds: 600
  # How long a run whose process died keeps its tenant's other runs waiting.
  poll_interval_seconds: 30
# A step that failed says itself whether it is worth another attempt; this is for runs whose process died.
run_retries: {{{{enabled: true, max_retries: {{run_retries}}, retry_on_asset_or_op_failure: false}}}}
freshness: {{{{enabled: true}}}}
telemetry: {{{{enabled: false}}}}
# No dialog over the first page that asks for an e-mail address.
nux: {{{{enabled: false}}}}
"""
_WORKSPACE = """\
load_from:
  - python_module: {module_name: orchestration.definitions, location_name: goldlayer}
"""


def prepare(run: RunFolder, settings: Settings) -> Path:
    """Write the instance and the workspace file; returns Dagster's home."""
    limits = {"concurrent_runs": settings.dagster.concurrent_runs, "run_retries": settings.dagster.run_retries}
    for name, text in (("dagster.yaml", _INSTANCE.format(**limits)), (WORKSPACE, _WORKSPACE)):
        file = run.dagster / name
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
    return run.dagster


def environment(run: RunFolder, postgres: Postgres, settings: Settings) -> dict[str, str]:
    """Variables under which Dagster finds its home, its storage and this installation. Holds a password."""
    return {
        **as_environment(settings),
        "GOLDLAYER_RUN": str(run.path),
        "DAGSTER_HOME": str(prepare(run, settings)),
        # SQLAlchemy takes a plain postgresql:// for another driver than the one installed.
        _URL: postgres.dsn(_DATABASE, _ROLE).replace("postgresql://", "postgresql+psycopg2://", 1),
        # A run over many days writes one event a day and table: in batches instead of one by one.
        "DAGSTER_EVENT_BATCH_SIZE": "500",
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "GX_ANALYTICS_ENABLED": "false",
        "PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS", "ignore"),
    }
