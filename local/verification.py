"""What an outcome counts as, by the cue's verification mode. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MODES = ("none", "require_external_id", "require_result_url", "require_artifacts", "manual")


def outcome_state(mode: str, success: bool, evidence: Mapping[str, Any]) -> tuple[str, str | None]:
    """The outcome state and, where it is not obvious, the reason.

    Protocol, "Outcome states": a failure is a failure in every mode; empty evidence counts as missing.
    """
    if not success:
        return "reported_failure", None
    if mode == "manual":
        return "verification_pending", "waiting for a manual verification"
    if not mode.startswith("require_"):
        return "reported_success", None
    wanted = mode.removeprefix("require_")
    if evidence.get(wanted):
        return "verified_success", None
    return "verification_failed", f"required evidence is missing: {wanted}"
