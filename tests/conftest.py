"""What several folders share: the process from which the program is started."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tools.program import Launcher


@pytest.fixture(scope="session")
def launcher() -> Iterator[Launcher]:
    found = Launcher()
    yield found
    found.close()
