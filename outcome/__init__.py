"""The outcome of one execution: ending, outcome file, verdict, and the report the server will take."""

from .ending import Ending, EndingKind
from .explain import FieldFate, FieldVerdict, explain
from .file import OutcomeFile, parse_outcome, read_outcome_file
from .fit import fit
from .report import WORKER_ENTRY, Report
from .shrink import shrink
from .verdict import resolve

__all__ = [
    "Ending",
    "EndingKind",
    "OutcomeFile",
    "read_outcome_file",
    "parse_outcome",
    "resolve",
    "Report",
    "WORKER_ENTRY",
    "fit",
    "shrink",
    "explain",
    "FieldFate",
    "FieldVerdict",
]
