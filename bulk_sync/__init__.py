"""Get a spreadsheet of clients into a CRM: checked, planned, within the quota, and undoable.

For programs: :func:`sync`, :func:`open_source` and their companions, loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bulk_sync.api import Result, check, open_source, plan, resume, sync, sync_async, undo

__all__ = ["Result", "check", "open_source", "plan", "resume", "sync", "sync_async", "undo"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - whatever the name stands for
    """Load the interface for programs on first use: ``import bulk_sync`` itself stays light."""
    if name in __all__:
        return getattr(import_module("bulk_sync.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
