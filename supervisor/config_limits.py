"""A handler's `limits:`."""

from __future__ import annotations

from ruamel.yaml.nodes import MappingNode

from ..pool.limits import Limits
from .config_keys import advise_limits, known_only
from .config_node import Document, Entry, kind, place
from .config_schema import CPU, HANDLER_MEMORY, LIMITS, PROCESSES


def read_limits(name: str, entry: Entry | None, document: Document) -> Limits | None:
    """The limits of `entry`; what is wrong is noted in the document's findings. `name` says whose they are."""
    if entry is None or entry.is_null:
        return None
    if not isinstance(entry.node, MappingNode):
        document.findings.error(
            place(entry.node),
            f"{name} must be a mapping, not {kind(entry.node)}",
            "for example: limits: {memory: 512M, cpu: 50%, processes: 64}",
        )
        return None
    fields = document.entries(entry.node)
    known_only(fields, LIMITS, advise_limits, document, f"in {name}")
    found = Limits(
        memory=HANDLER_MEMORY.value(f"{name}.memory", fields.get("memory"), document),
        cpu=CPU.value(f"{name}.cpu", fields.get("cpu"), document),
        processes=PROCESSES.value(f"{name}.processes", fields.get("processes"), document),
    )
    return None if found == Limits() else found
