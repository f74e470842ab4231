"""The cases. Each module registers its own with @case.

The host imports these modules to list them, the guest to run them, so they
import only what exists on both sides.
"""

import dataclasses
import importlib
import pkgutil
from collections.abc import Callable


class Skip(Exception):
    """Raised by a case that cannot run here; the text says why."""


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    title: str
    run: Callable
    deadline_s: float
    memory: str | None      # of the guest, when the usual does not do
    modules: bool           # needs what beds/modules.py builds
    modules_if_any: bool    # does more with it
    needs: frozenset[str]   # of what needs.py gets ready beside the agent
    sanitizer: bool         # also of an agent with sanitizers
    measures: bool          # nothing to pass: for a tool, not for `run`


_cases: dict[str, Case] = {}


def case(name: str, title: str, *, deadline_s: float = 90,
         memory: str | None = None, modules: bool = False,
         modules_if_any: bool = False, needs: tuple[str, ...] = (),
         sanitizer: bool = True, measures: bool = False):
    """Registers a function of a Bed as the case `name`."""
    def register(function):
        assert name not in _cases, f"two cases are called {name}"
        _cases[name] = Case(name, title, function, deadline_s, memory,
                            modules, modules_if_any, frozenset(needs),
                            sanitizer, measures)
        return function
    return register


def all_cases() -> dict[str, Case]:
    """Those of tools included."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return dict(_cases)
