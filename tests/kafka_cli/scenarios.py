"""The register of scenarios: functions that use the tools on one side, grouped in families."""

import importlib
import pkgutil
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Callable

from kafka_cli import families


@dataclass(frozen=True)
class Scenario:
    family: str
    name: str
    play: Callable

    def __str__(self) -> str:
        return f"{self.family}/{self.name}"


_REGISTER: list[Scenario] = []


def scenario(play: Callable) -> Callable:
    """Registers a function of one `Side`; its module is its family."""
    family = play.__module__.rsplit(".", 1)[1].replace("_", "-")
    _REGISTER.append(Scenario(family, play.__name__.replace("_", "-"), play))
    return play


def all_scenarios() -> list[Scenario]:
    for module in pkgutil.iter_modules(families.__path__):
        importlib.import_module(f"{families.__name__}.{module.name}")
    return list(_REGISTER)


def family_names() -> list[str]:
    return list(dict.fromkeys(each.family for each in all_scenarios()))


def chosen(only: list[str], without: list[str] = ()) -> list[Scenario]:
    """Scenarios by family, or by `family/name`, which may have asterisks; all if none is named."""

    def named(each: Scenario, names) -> bool:
        return any(name == each.family or fnmatchcase(str(each), name) for name in names)

    found = [each for each in all_scenarios() if not only or named(each, only)]
    for name in [*only, *without]:
        if not any(named(each, [name]) for each in all_scenarios()):
            raise LookupError(f"no scenario is called {name!r}; families: {' '.join(family_names())}")
    return [each for each in found if not named(each, without)]
