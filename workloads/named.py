"""Functions that a text names together with their options: ``name``, ``name:value`` or ``name:option=value,...``.

Generators of work and transforms of networks are both of this kind. What a function's signature says of its options is
what the command line shows and reads.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from workloads.errors import UserError, WorkloadError, did_you_mean
from workloads.optiontext import alternatives, kind_name, plain, read_as, split_options

Made = TypeVar("Made")


@dataclass(frozen=True)
class Named(Generic[Made]):
    """A function by its name; ``kind`` says what it is ('workload', 'transform') in whatever is wrong with a text.

    ``options`` are the parameters that a text may set, ``types`` what each is read as.
    """

    kind: str
    name: str
    function: Callable[..., Made]
    options: Mapping[str, inspect.Parameter]
    types: Mapping[str, Any]

    def call(self, made: type[Made], *arguments: object, **options: object) -> Made:
        """What the function makes, which is a ``made``.

        Raises :class:`WorkloadError` where a function of the user's own (``package.module:function``) fails or
        returns something else; the error that it raised is the cause.
        """
        try:
            found = self.function(*arguments, **options)
        except Exception as error:
            built_in = self.function.__module__.partition(".")[0] == __package__
            if built_in or isinstance(error, UserError | MemoryError):
                raise
            raise WorkloadError(
                f"{self.kind} '{self.name}' fails with {type(error).__name__}: {error}; --debug shows where"
            ) from error
        if not isinstance(found, made):
            raise WorkloadError(
                f"{self.kind} '{self.name}' returned {type(found).__name__}; it must return a {made.__name__}"
            )
        return found

    @property
    def summary(self) -> str:
        """The first sentence of its docstring."""
        first = " ".join((inspect.getdoc(self.function) or "").partition("\n\n")[0].split())
        return re.split(r"(?<!al)[.:] (?=[A-Z`])", first)[0].rstrip(".").replace("``", "")

    @property
    def usage(self) -> str:
        """How it is written on the command line, every option with its default."""
        parts = [f"{o.name}={'...' if o.default is o.empty else plain(o.default)}" for o in self.options.values()]
        return self.name + (":" + ",".join(parts) if parts else "")

    def read(self, rest: str, text: str) -> dict[str, Any]:
        """The options written in ``rest``, the part of ``text`` behind the name.

        A value without a name goes to the first option; a list is written ``[a,b]``, a table ``{a=1,b=2}``. Raises
        :class:`WorkloadError` naming the option that is unknown, given twice or of another type.
        """
        options: dict[str, Any] = {}
        for position, part in enumerate(split_options(rest)):
            key, equals, value = part.partition("=") if part.strip()[:1] not in "[{" else ("", "", "")
            if not equals:
                if position or not self.options:
                    raise WorkloadError(
                        f"{self.kind} '{self.name}': '{part}' names no option; write option=value as in {self.usage}"
                    )
                key, value = next(iter(self.options)), part
            key = key.strip()
            if key in options:
                raise WorkloadError(f"{self.kind} '{text}': '{key}' is given twice; write it once")
            options[key] = self._value(key, value.strip())
        return options

    def require(self, options: Mapping[str, Any], text: str) -> None:
        """Raises :class:`WorkloadError` where ``options``, read from ``text``, lack one that has no default."""
        missing = [o.name for o in self.options.values() if o.default is o.empty and o.name not in options]
        if missing:
            raise WorkloadError(f"{self.kind} '{text}' needs {' and '.join(missing)}; write it as {self.usage}")

    def _value(self, key: str, text: str) -> Any:
        if key not in self.options:
            allowed = did_you_mean(key, self.options) if self.options else "; it takes no options"
            raise WorkloadError(f"{self.kind} '{self.name}' has no option '{key}'{allowed}")
        wanted = alternatives(self.types[key])
        if type(None) in wanted and text.lower() in ("none", "null", ""):
            return None
        for kind in wanted:
            value = read_as(kind, text)
            if value is not None:
                return value
        names = " or ".join(kind_name(kind) for kind in wanted if kind is not type(None))
        raise WorkloadError(f"{self.kind} '{self.name}': {key} is '{text}'; write {names}, e.g. {self.usage}")


def split_name(text: str, known: Container[str]) -> tuple[str, str]:
    """The name at the front of a text, one of ``known`` or ``package.module:function``, and what stands behind it."""
    name, _, rest = text.partition(":")
    function, _, more = rest.partition(":")
    if name.strip() not in known and function.isidentifier():
        name, rest = f"{name}:{function}", more
    return name.strip(), rest


def import_function(kind: str, name: str, target: str) -> Any:
    """What stands at ``package.module:function``; raises :class:`WorkloadError` where nothing can be loaded there."""
    module, _, attribute = target.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError) as error:
        raise WorkloadError(
            f"{kind} '{name}' cannot be loaded from '{target}': {error}; write package.module:function"
        ) from None
    except Exception as error:  # a user's own module may fail in any way
        raise WorkloadError(
            f"{kind} '{name}': importing '{module}' fails with {type(error).__name__}: {error}"
        ) from error
    return found
