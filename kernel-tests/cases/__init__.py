"""The cases. Each module registers its own with @case.

The host imports these modules to list them, the guest to run them, so they
import only what exists on both sides.
"""

import dataclasses
import importlib
import pkgutil
from collections.abc import Callable


# What guest/load.py runs, for `beside`.
CLIENTS = ("storm_load",)

# Reasons not to run where the processor is emulated.
LOAD = "about load, which would be load on the emulation"
TIME = "about time, which an emulated processor has its own of"


class Skip(Exception):
    """Raised by a case that cannot run here; the text says why."""


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    title: str
    run: Callable
    deadline_s: float
    memory: str | None      # of the guest, when the usual does not do
    modules: bool           # needs NVMe/TCP, built by beds/modules.py for uml
    modules_if_any: bool    # does more with it
    sanitizer: bool         # also of an agent with sanitizers
    measures: bool          # nothing to pass: for a tool, not for `run`
    wants: tuple[str, ...]  # names in guest/features.py
    beside: frozenset[str]  # names in beside.py
    not_emulated: str       # why not where the processor is emulated
    own: str                # what of ktlsd it is about; none: of any agent

    @property
    def needs(self) -> tuple[str, ...]:
        """What the kernel has to have."""
        nvme = ("nvme",) if self.modules else ()
        return ("handshake", "ktls", *self.wants, *nvme)


_cases: dict[str, Case] = {}


def case(name: str, title: str, *, deadline_s: float = 90,
         memory: str | None = None, modules: bool = False,
         modules_if_any: bool = False, sanitizer: bool = True,
         measures: bool = False, needs: tuple[str, ...] | None = None,
         beside: tuple[str, ...] = (), not_emulated: str = "",
         own: str = ""):
    """Registers a function of a Bed as the case `name`.

    Where nothing is said of its needs, it needs NFS, or what `modules` are for.
    """
    wants = needs if needs is not None else () if modules else ("nfs",)

    def register(function):
        assert name not in _cases, f"two cases are called {name}"
        _cases[name] = Case(name, title, function, deadline_s, memory,
                            modules, modules_if_any, sanitizer, measures,
                            wants, frozenset(beside), not_emulated, own)
        return function
    return register


def all_cases() -> dict[str, Case]:
    """Those of tools included."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return dict(_cases)
