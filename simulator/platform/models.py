"""Which element models there are: built-in ones and users' own come through the same door.

A package registers models under the entry-point group ``headrace.elements``; the built-in ones do so in this project's
own pyproject.toml. A class that no package registers is named in the platform file as ``package.module:Class``.
"""

from __future__ import annotations

import importlib
import inspect
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

from simulator.errors import PlatformError, did_you_mean

if TYPE_CHECKING:
    from simulator.elements.base import Element

__all__ = ["GROUP", "element_model", "model_names"]

GROUP = "headrace.elements"


@cache
def _registered() -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda each: (each.name, each.value)):
        other = found.setdefault(point.name, point)
        if other.value != point.value:  # one package seen twice on the path is fine, two packages are not
            raise PlatformError(
                f"two packages register the element model '{point.name}': '{other.value}' and '{point.value}';"
                " uninstall one, or name the class itself in the platform file"
            )
    return found


def model_names() -> list[str]:
    """The names of all registered element models, sorted."""
    return sorted(_registered())


def element_model(name: str) -> type[Element]:
    """The element class for a ``model`` of a platform file: a registered name, or ``package.module:Class``.

    Raises :class:`PlatformError` where there is none, it cannot be imported, or it is no element model.
    """
    if ":" in name:
        target = name
    elif name in _registered():
        target = _registered()[name].value
    else:
        hint = did_you_mean(name, model_names())
        raise PlatformError(f"no model '{name}'{hint}; a class of your own is written 'package.module:Class'")
    return _checked(target, _load(target))


def _load(target: str) -> Any:
    module_name, _, attribute = target.partition(":")
    if not module_name or not attribute.isidentifier():
        raise PlatformError(f"'{target}' names no class; write 'package.module:Class'")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise PlatformError(
            f"cannot import '{module_name}' of '{target}': {error}; install it, or name its folder in PYTHONPATH"
        ) from error
    except Exception as error:  # the user's own module may fail in any way
        raise PlatformError(f"cannot import '{module_name}' of '{target}': {type(error).__name__}: {error}") from error
    if not hasattr(module, attribute):
        own = {name: value for name, value in vars(module).items() if getattr(value, "__module__", "") == module_name}
        classes = [name for name, value in own.items() if isinstance(value, type) and hasattr(value, "Config")]
        raise PlatformError(f"'{module_name}' has no '{attribute}'{did_you_mean(attribute, classes)}")
    return getattr(module, attribute)


def _checked(target: str, found: Any) -> type[Element]:
    from simulator.elements.base import Element, ElementConfig

    base = "simulator.elements.base.Element"
    if not (isinstance(found, type) and issubclass(found, Element)):
        raise PlatformError(f"'{target}' is no element model; it must be a subclass of {base}")
    if inspect.isabstract(found):
        lacking = ", ".join(sorted(found.__abstractmethods__))
        raise PlatformError(f"'{target}' is no element model yet; it lacks {lacking}")
    if not (isinstance(found.Config, type) and issubclass(found.Config, ElementConfig)):
        raise PlatformError(f"'{target}' is no element model; its Config must be a subclass of {base}Config")
    return found
