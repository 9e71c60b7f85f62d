"""The stages that a model gives a layer, checked: a user's own model is told what is wrong with them, and where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from simulator.elements.base import Assignment, Element, Stage, Window
from simulator.errors import MappingError, UserError
from workloads.tokens import LayerWork

_OWN_MODELS = "simulator."


def stages_of(element: Element, work: LayerWork, assignment: Assignment, frames: int | None = None) -> list[Stage]:
    """What :meth:`Element.stages` returns for a layer.

    Raises ``PlatformError`` where the layer cannot run there. A model that fails, or breaks the rules of ``Stage``, is
    a ``MappingError``: nobody should take that for a layer that belongs elsewhere. ``frames`` are those of the run,
    where the work of each is given.
    """
    who = f"model '{element.config.model}' of element '{element.name}', layer '{work.group.name}'"
    try:
        given = element.stages(work, assignment)
    except UserError:
        raise
    except Exception as error:
        if type(element).__module__.startswith(_OWN_MODELS):
            raise
        raise MappingError(f"{who}: its method 'stages' fails with {type(error).__name__}: {error}") from error
    if not isinstance(given, Iterable):
        raise MappingError(f"{who}: 'stages' returns {type(given).__name__}; return a list of Stage")
    stages = list(given)
    for position, stage in enumerate(stages):
        if not isinstance(stage, Stage):
            raise MappingError(f"{who}: 'stages' returns a list with {type(stage).__name__} in it; return Stage alone")
        name = f"stage '{stage.name}'" if stage.name else f"stage {position}"
        fault = next(_faults(stage, position, len(work.layer.in_shapes), _rows(frames, assignment.batch)), None)
        if fault is not None:
            raise MappingError(f"{who}: {name}: {fault}")
    _check_inputs_are_read(who, stages, len(work.layer.in_shapes))
    return stages


def _rows(frames: int | None, batch: int) -> tuple[int, ...] | None:
    return None if frames is None else (1, -(-frames // batch))


def _faults(stage: Stage, position: int, inputs: int, rows: tuple[int, ...] | None) -> Iterator[str]:
    """What is wrong with a stage, the first thing first."""
    if stage.pieces < 1:
        yield f"pieces is {stage.pieces}; write 1 or more"
    arrays = {"cycles": stage.cycles, "read_bytes": stage.read_bytes, "write_bytes": stage.write_bytes}
    arrays["weight_bytes"] = stage.weight_bytes
    arrays |= {f"energy_pj[{cause!r}]": amounts for cause, amounts in stage.energy_pj.items()}
    for name, array in arrays.items():
        if array is None:
            continue
        if not isinstance(array, np.ndarray) or array.ndim != 2:
            yield f"{name} has the shape {np.shape(array)}; write (frames or 1, pieces or 1), e.g. array[:, None]"
        elif array.shape[1] not in (1, stage.pieces):
            yield f"{name} has the shape {array.shape}; its columns are pieces: write 1 or {stage.pieces}"
        elif rows is not None and array.shape[0] not in rows:
            yield f"{name} has the shape {array.shape}; its rows are frames or batches: write 1 or {rows[-1]}"
        elif not (np.isfinite(array).all() and (array >= 0).all()):
            yield f"{name} has a value that is negative or not finite; write 0 or more"
    if not np.issubdtype(stage.cycles.dtype, np.integer):
        yield f"cycles are {stage.cycles.dtype}; write integers, e.g. with whole_cycles of simulator.elements.pieces"
    if stage.written.shape != (stage.pieces,) or (np.diff(stage.written, prepend=0) < 0).any():
        yield "written must rise and have an entry a piece: the output elements that are there after it"
    for window in stage.windows:
        yield from _window_faults(window, stage.pieces, position, inputs)


def _window_faults(window: Window, pieces: int, position: int, inputs: int) -> Iterator[str]:
    if not (-1 <= window.source < inputs) or (window.source < 0 and not position):
        yield f"a window reads input {window.source} of {inputs}; write 0 to {inputs - 1}, or -1 for the stage before"
    for name, counts in (("need", window.need), ("free", window.free)):
        if counts.shape != (pieces,) or (np.diff(counts, prepend=0) < 0).any():
            yield f"the {name} of a window must rise and have an entry a piece: the input elements up to it"
    if (window.free > window.need).any():
        yield "a window frees more than it needs; write free <= need"


def _check_inputs_are_read(who: str, stages: Sequence[Stage], inputs: int) -> None:
    read = {window.source for stage in stages for window in stage.windows}
    missing = [str(source) for source in range(inputs) if source not in read]
    if stages and missing:
        raise MappingError(
            f"{who}: no stage has a window on input {' and '.join(missing)}, so it would not wait for it;"
            " write windows, e.g. windows_of(layer_window(work.layer, assignment.granularity))"
        )
