"""Get a spreadsheet of clients into a CRM: checked, planned, within the quota, and undoable.

For programs: :func:`sync`, :func:`open_source` and their companions, loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bulk_sync.api import (
        Result,
        check,
        check_async,
        open_source,
        plan,
        plan_async,
        resume,
        resume_async,
        retry,
        retry_async,
        sync,
        sync_async,
        undo,
        undo_async,
    )

__all__ = [
    "Result",
    "check",
    "check_async",
    "open_source",
    "plan",
    "plan_async",
    "resume",
    "resume_async",
    "retry",
    "retry_async",
    "sync",
    "sync_async",
    "undo",
    "undo_async",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    """Load the interface for programs on first use: ``import bulk_sync`` itself stays light."""
    if name in __all__:
        return getattr(import_module("bulk_sync.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
