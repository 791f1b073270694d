"""A stand-in for the API: a real HTTP server on loopback with its quota, its gaps and, on request, its faults.

It imports nothing else of this package, so that it cannot share our mistakes; tests check it against the OpenAPI
document. Importing it is cheap: the web libraries are loaded when a server starts.
"""

from bulk_sync.sandbox.config import (
    SANDBOX_KEY,
    Fault,
    FaultKind,
    Faults,
    HeaderStyle,
    Outage,
    Quota,
    Rule,
    SandboxConfig,
    Scripted,
)
from bulk_sync.sandbox.profiles import ABSENT_DEMO_ID, NAMED_FAULTS, demo_config, parse_faults
from bulk_sync.sandbox.samples import sample_clients
from bulk_sync.sandbox.server import SandboxServer
from bulk_sync.sandbox.service import LoggedRequest
from bulk_sync.sandbox.serving import serve

__all__ = [
    "ABSENT_DEMO_ID",
    "NAMED_FAULTS",
    "SANDBOX_KEY",
    "Fault",
    "FaultKind",
    "Faults",
    "HeaderStyle",
    "LoggedRequest",
    "Outage",
    "Quota",
    "Rule",
    "SandboxConfig",
    "SandboxServer",
    "Scripted",
    "demo_config",
    "parse_faults",
    "sample_clients",
    "serve",
]
