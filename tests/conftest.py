"""What several folders share: the process from which the program is started."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.tools.program import Launcher

# An example may take as long as a busy machine needs: the first texts drawn build tables for a second. The fixtures of
# tests with drawn inputs hold nothing that an example changes for the next.
settings.register_profile(
    "untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    found = Launcher()
    yield found
    found.close()
