"""The import contracts of pyproject.toml, checked on a graph of imports in which a violation can be planted."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from functools import cache
from typing import Any

import grimp
from house.tree import ROOT
from importlinter import api
from importlinter.application.use_cases import _register_built_in_contract_types
from importlinter.domain.contract import registry

_SESSION = {"root_packages": ["keyplan"], "include_external_packages": True}


@cache
def read_contracts() -> dict[str, dict[str, Any]]:
    """Return the options of each contract, by its id."""
    listed = api.read_configuration(str(ROOT / "pyproject.toml"))["contracts_options"]
    return {contract["id"]: contract for contract in listed}


@cache
def build_graph() -> grimp.ImportGraph:
    """Return what keyplan's modules import, as they are in the source tree."""
    return grimp.build_graph("keyplan", include_external_packages=True, cache_dir=None)


def find_broken_contracts(imports: Iterable[tuple[str, str]] = ()) -> set[str]:
    """Return the ids of the contracts that are broken when these imports, of importer and imported, are made, too."""
    _register_built_in_contract_types()
    graph = deepcopy(build_graph())
    for importer, imported in imports:
        for module in _list_packages(importer):
            graph.add_module(module)
        if imported not in graph.modules:
            graph.add_module(imported, is_squashed=not imported.startswith("keyplan."))
        graph.add_import(importer=importer, imported=imported, line_number=1, line_contents=f"import {imported}")
    return {identity for identity, options in read_contracts().items() if not _is_kept(options, deepcopy(graph))}


def _is_kept(options: dict[str, Any], graph: grimp.ImportGraph) -> bool:
    contract = registry.get_contract_class(options["type"])(
        name=options["name"], session_options=_SESSION, contract_options=options
    )
    return contract.check(graph=graph, verbose=False).kept


def _list_packages(module: str) -> Iterable[str]:
    parts = module.split(".")
    return (".".join(parts[:length]) for length in range(1, len(parts) + 1))
