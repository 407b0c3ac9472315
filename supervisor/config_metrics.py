"""`metrics:` of the configuration file: where metrics and health are served."""

from __future__ import annotations

import ipaddress
import re

from ruamel.yaml.nodes import MappingNode, ScalarNode

from ..pool.settings import Listen
from .config_keys import advise_metrics, known_only
from .config_node import Document, Entry, kind, place
from .config_problem import Findings, Place, clip
from .config_scalar import plain
from .config_schema import METRICS, METRICS_LISTEN

DEFAULT = Listen("127.0.0.1", 9464)
"""9464 is the port that Prometheus exporters of OpenTelemetry's kind use."""

_EXAMPLE = f"write metrics: {{listen: {DEFAULT}}}"
_ADDRESS = re.compile(r"(?:(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):)?(?P<port>[0-9]{1,5})", re.ASCII)
_EVERYWHERE = re.compile(r"(?:\*|\[\])?:[0-9]{1,5}", re.ASCII)


def read_metrics(entry: Entry | None, document: Document) -> Listen | None:
    """Where to listen; None: nowhere. What is wrong is noted in the findings."""
    if entry is None:
        return None
    if not isinstance(entry.node, MappingNode):
        is_off = isinstance(entry.node, ScalarNode) and plain(entry.node) in (None, False)
        if not is_off:
            message = f"metrics must be a mapping with `listen`, not {kind(entry.node)}"
            document.findings.error(place(entry.node), message, _EXAMPLE)
        return None
    fields = document.entries(entry.node)
    known_only(fields, METRICS, advise_metrics, document, "in metrics")
    listen = fields.get("listen")
    text = METRICS_LISTEN.value("metrics.listen", listen, document)
    if listen is None or text is None:
        return DEFAULT
    return _read_address(text, place(listen.node), document.findings)


def _read_address(text: str, where: Place, findings: Findings) -> Listen | None:
    """`host:port`, `[IPv6]:port`, or a port of 127.0.0.1. What is wrong, and what others can reach, is noted."""
    found = _ADDRESS.fullmatch(text.strip())
    if found is None or int(found["port"]) > 65535:
        remedy = (
            "to listen on all interfaces write 0.0.0.0 before the port"
            if _EVERYWHERE.fullmatch(text.strip())
            else _EXAMPLE
        )
        findings.error(where, f"metrics.listen must be host:port, not {clip(text)}", remedy)
        return None
    listen = Listen((found["host"] or DEFAULT.host).strip("[]"), int(found["port"]))
    if not _is_loopback(listen.host):
        findings.warn(
            where,
            f"whoever reaches {listen} can read the metrics: tasks' names, numbers, the server's errors",
            "keep it on 127.0.0.1, or let a firewall or a proxy guard it",
        )
    return listen


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
