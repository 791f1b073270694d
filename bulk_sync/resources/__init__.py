"""What can be written to: an index from a resource's name to the module that describes it.

A new resource is a new module with a ``RESOURCE``, and one line here. Looking a resource up imports its module
(and pydantic with it); importing this package does not.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bulk_sync.resources.fields import Resource

RESOURCES = {"clients": "bulk_sync.resources.clients"}
"""Resource name, as the mapping's ``resource:`` says it → the module that describes it."""


def get_resource(name: str) -> Resource:
    """Return the description of a resource; ``KeyError`` for a name that is not in :data:`RESOURCES`."""
    resource: Resource = import_module(RESOURCES[name]).RESOURCE
    return resource
