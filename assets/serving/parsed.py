"""The dbt project as it was parsed once, for one tenant's database.

Parsing takes longer than building the marts of a small tenant, and knows of the database nothing but its name. So it
is done once for each content of the project, without a database, and the name is put where the parse has its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

PARSED = "partial_parse.msgpack"
"""What dbt leaves of a parse beside `manifest.json`: all of it, macros included."""


def parsed_for(folder: Path, database: str) -> Manifest:
    """What dbt would parse now, without parsing.

    Args:
        folder: holds what was parsed from the project as it is.
        database: name of the tenant's database.
    """
    from dbt.contracts.graph.manifest import Manifest
    from dbt.parser.manifest import extended_mashumuro_decoder

    found = Manifest.from_msgpack((folder / PARSED).read_bytes(), decoder=extended_mashumuro_decoder)
    for one in (*found.nodes.values(), *found.sources.values()):
        if one.relation_name:
            one.relation_name = one.relation_name.replace(f'"{one.database}"', f'"{database}"', 1)
        one.database = database
    found.build_parent_and_child_maps()
    found.build_flat_graph()
    return found
