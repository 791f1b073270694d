"""What every workflow works with: settings, state, clock, and whom to talk to."""

from __future__ import annotations

import asyncio
import os
import secrets
import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, TypeAlias

from bulk_sync import settings as settings_module
from bulk_sync.errors import Question
from bulk_sync.records import Json
from bulk_sync.sending.ports import Observer, StopSignal
from bulk_sync.settings import Settings
from bulk_sync.state.run_ids import CHANCES, new_run_id
from bulk_sync.state.store import State
from bulk_sync.workflow.view import PlanView

Forecast: TypeAlias = Callable[[int], float]
"""Says in how many seconds that many more requests will have left."""


class Talk(Protocol):
    """The person on the other side, or nobody.

    ``interactive`` says whether questions can be answered. All of it goes to stderr. Where a signal comes instead of
    an answer, :class:`~bulk_sync.sending.ports.Interrupted` is raised.
    """

    @property
    def interactive(self) -> bool:
        """Whether somebody can answer."""
        ...

    def say(self, text: str) -> None:
        """Say one thing; a newline makes another line of it."""
        ...

    def warn(self, text: str) -> None:
        """Say what deserves attention, also when quiet."""
        ...

    def ask(self, question: Question) -> str | None:
        """Ask for what only the user knows; None where nobody answers."""
        ...

    def confirm(self, view: PlanView) -> bool:
        """Show the plan and ask whether to go on."""
        ...

    def show(self, view: PlanView) -> None:
        """Show the plan."""
        ...

    def phase(self, name: str, total: int | None = None) -> None:
        """Begin a stage of work: reading, planning, sending."""
        ...

    def step(self, done: int) -> None:
        """Tell how far the stage is."""
        ...

    def observer(self, forecast: Forecast, quota: Callable[[], str]) -> Observer:
        """Return the hooks that the pool calls while it sends; ``quota`` says what is allowed, '' for unknown."""
        ...

    def end_phase(self) -> None:
        """End the stage and its display."""
        ...


class WallClock:
    """The machine's clocks: intervals by the monotonic one, moments by the wall."""

    monotonic = staticmethod(time.monotonic)
    time = staticmethod(time.time)
    sleep = staticmethod(asyncio.sleep)


@dataclass(kw_only=True)
class Desk:
    """The place a command works at. Use as a context manager: what was opened on the way is closed at the end.

    ``flags`` are the options given on the command line; environment, profile and mapping are laid under them.
    """

    talk: Talk
    flags: Mapping[str, object] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    folder: Path = field(default_factory=Path.cwd)
    profiles: Path | None = None
    clock: WallClock = field(default_factory=WallClock)
    stop: StopSignal = field(default_factory=StopSignal)
    writes_files: bool = True
    """Whether results are written although nobody named a file: a person wants one, a program reads the rows."""
    waiting: bool = False
    """Whether what stands on the way is somebody else's to give, as standard input: a signal then ends the wait."""
    began: float = field(init=False)
    """The moment of the monotonic clock at which the command began."""
    began_at: float = field(init=False)
    """The same as Unix time."""

    def __post_init__(self) -> None:
        """Look at the clocks."""
        self.began, self.began_at = self.clock.monotonic(), self.clock.time()

    def __enter__(self) -> Self:
        """Nothing is opened before it is used."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close what was opened."""
        self.close()

    def close(self) -> None:
        """Close what was opened; what is used afterwards is opened again."""
        if (state := self.__dict__.pop("state", None)) is not None:
            state.close()

    def settings(self, mapping: Mapping[str, object] | None = None) -> Settings:
        """Return the settings of the command, with what the mapping says beneath the rest."""
        return settings_module.resolve(self.flags, environ=self.environ, profiles=self.profiles, mapping=mapping)

    @cached_property
    def state(self) -> State:
        """What outlives runs; made on first use."""
        given = self.settings().state_dir
        # Whole, since a program may go to another folder before it reads the rows of its run.
        return State(self.folder / Path(given).expanduser() if given else default_state_dir())

    @property
    def again(self) -> str:
        """The options without which a further command would not find the run, or the key: as a shell takes them."""
        state = self.flags.get("state_dir")
        folder = self.folder / Path(str(state)).expanduser() if state else ""
        named = {"profile": self.flags.get("profile"), "state-dir": folder}
        return "".join(f" --{option} {shlex.quote(str(value))}" for option, value in named.items() if value)

    def new_run(self) -> str:
        """Return the id of a new run: the greatest of all that this state directory has known."""
        return new_run_id(self.clock.time(), secrets.randbelow(CHANCES), others=self.state.known_runs())

    def run_folder(self, run: str) -> Path:
        """Return the folder of a run."""
        return self.state.runs_folder / run


def default_state_dir() -> Path:
    """Return the platform's user state directory for this program."""
    from platformdirs import user_state_path

    return user_state_path("bulk-sync", appauthor=False)


def profiles_file() -> Path:
    """Return where profiles are kept: ``BULK_SYNC_PROFILES``, else the user's configuration folder."""
    from platformdirs import user_config_path

    named = os.environ.get("BULK_SYNC_PROFILES", "")
    return Path(named) if named else user_config_path("bulk-sync", appauthor=False) / "profiles.toml"


NOT_KEPT = frozenset({"notify", "heartbeat", "key_command"})
"""Settings that may hold a secret: they come from outside each time, and are in no journal."""


def kept_settings(settings: Settings) -> dict[str, Json]:
    """Return what was given of the settings, as a run's journal keeps it."""
    return {name: plain_json(getattr(settings, name)) for name in settings.model_fields_set if name not in NOT_KEPT}


def plain_json(value: object) -> Json:
    """Return settings as JSON can hold them: paths and times as text."""
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    if isinstance(value, Mapping):
        return {str(key): plain_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_json(item) for item in value]
    return str(value)
