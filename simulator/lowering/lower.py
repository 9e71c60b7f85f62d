"""Lowering: a stream of frames on a platform, under a mapping, as a Plan."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from simulator.elements.base import Stage, Window
from simulator.elements.checked import stages_of
from simulator.errors import MappingError
from simulator.lowered import ActorNote, ChannelNote, Lowered, Role
from simulator.lowering.chip import ChipLowering
from simulator.lowering.copies import Port, Route, add_copy
from simulator.lowering.counts import Firings, Mask
from simulator.lowering.drafts import ActorDraft, PlanDraft
from simulator.lowering.recurrence import feed_back_state
from simulator.lowering.stages import Place, add_stage
from simulator.lowering.timebase import TimeBase
from simulator.lowering.tokens import row_tokens, tokens_freed, tokens_needed, window_tokens
from simulator.mapping import LayerMapping, MappingRules, assign
from simulator.plan import Discipline
from simulator.platform import Platform
from simulator.platform.routes import dma_between, memory_of, reaches
from simulator.series import Series
from workloads.network import LayerGroup
from workloads.tokens import LayerWork, TokenStream
from workloads.windows import extent


def lower(platform: Platform, stream: TokenStream, rules: MappingRules | None = None) -> Lowered:
    """The plan of a run and what its parts stand for.

    Raises :class:`MappingError` or :class:`PlatformError` where the network cannot run as asked.
    """
    mapping = assign(platform, stream, rules)
    return _Lowering(platform, stream, mapping).build()


class _Lowering:
    """Walks the groups in order and keeps, for each, the port where its output can be read."""

    def __init__(self, platform: Platform, stream: TokenStream, mapping: LayerMapping) -> None:
        self.platform, self.stream, self.mapping = platform, stream, mapping
        used = {a.element for a in mapping.assignments.values()}
        self.clocks = {name: e.clock_hz for name, e in platform.processing_elements.items() if name in used}
        other_times = not stream.is_saturated or bool(platform.memories) or bool(platform.dma)
        self.base = TimeBase.choose(self.clocks.values(), other_times=other_times)
        self.draft = PlanDraft(self.base)
        self.ports: dict[str, Port] = {}
        self.copies: dict[tuple[str, str], Port] = {}
        self.firsts: dict[str, ActorDraft] = {}
        self.weights: dict[str, int] = {}
        self.stages: dict[str, dict[str, list[Stage]]] = {}
        self.chips: dict[str, ChipLowering] = {}
        self.waiting = {waits for _, waits in stream.control}
        self.sources: list[ActorDraft] = []
        inputs = sum(group.main.kind == "input" for group in stream.network.groups())
        self.together = max((a.batch for a in mapping.assignments.values()), default=1) if inputs > 1 else 1

    def build(self) -> Lowered:
        groups = self.stream.network.groups()
        for position, group in enumerate(groups):
            if group.main.kind == "input":
                self._add_source(group)
            else:
                self._add_layer(group, -position)
        for decides, waits in self.stream.control:
            note = ChannelNote(decides, waits, "control")
            self.draft.signal(self.ports[decides].actor, self.firsts[waits], note)
        self._keep_inputs_together()
        for chip in self.chips.values():
            chip.finish()
        for name, layers in self.stages.items():
            self.platform.processing_elements[name].check(layers)
        self._check_memories()
        return Lowered(
            plan=self.draft.freeze(
                Discipline.CLAIM_START_RELEASE_END,
                {"network": self.stream.network.name, "platform": self.platform.name},
            ),
            platform=self.platform,
            stream=self.stream,
            actors=tuple(actor.note for actor in self.draft.actors),
            resources=tuple(self.draft.resource_notes),
            channels=tuple(self.draft.channel_notes),
            servers=tuple(server.name for server in self.draft.servers),
            weights_bytes=self.weights,
            clocks_hz=self.clocks,
            origin={"rules": self.mapping.rules.text or "automatic", "layers": self.mapping.to_manifest()},
        )

    def _add_source(self, group: LayerGroup) -> None:
        stream = self.stream
        actor = ActorDraft(
            name=group.name,
            resource=None,
            firings=Firings(1, stream.frames),
            compute=Series.constant(0, stream.frames),
            written=np.array([group.last.output_elements], dtype=np.int64),
            release=None if stream.is_saturated else Series.recurring(self.base.from_picoseconds(stream.release_ps)),
            drop=stream.lossy,
            note=ActorNote(Role.SOURCE, None, None),
        )
        self.draft.actors.append(actor)
        self.sources.append(actor)
        self.ports[group.name] = Port(actor, None, None, group.name, float(group.output_bytes))

    def _keep_inputs_together(self) -> None:
        """The inputs of a frame enter together, but for those that a batch gathers, when the platform sets the pace.

        Where nothing joins their layers again (a list of layers to be run in turn), one input could take all its
        frames before another takes its first.
        """
        if not self.stream.is_saturated:
            return
        for other in self.sources[1:]:
            first = self.sources[0]
            note = ChannelNote(first.name, other.name, "control")
            self.draft.signal(first, other, note, capacity=self.together)

    def _add_layer(self, group: LayerGroup, priority: int) -> None:
        assignment = self.mapping.assignments[group.name]
        element = self.platform.processing_elements[assignment.element]
        work = dataclasses.replace(self.stream.work[group.name], group=self.mapping.groups[group.name])
        if self.stream.frames % assignment.batch:
            work = work.each_frame(self.stream.frames)  # the last batch holds fewer
        place = Place(self.platform, element, memory_of(self.platform, element.name), priority)
        sources = [self._reachable(self.ports[name], element.name, priority) for name in group.inputs]
        if element.chip is not None:
            chip = self.chips.setdefault(
                element.name, ChipLowering(self.draft, element.chip, self.stream.frames, self._entrance_depth(1))
            )
            is_read = self._leaves(group, element.name)
            self.ports[group.name] = chip.add_layer(group, work, assignment, sources, is_read)
            return
        stages = stages_of(element, work, assignment, self.stream.frames)
        if not stages:
            raise MappingError(
                f"element '{element.name}' gives layer '{group.name}' no stage; its model must return at least one"
            )
        if element.streaming:
            stages = self._with_boundary(group, work, stages, sources, element.name)
        self.stages.setdefault(element.name, {})[group.name] = stages
        grid = Firings(1, self.stream.frames, assignment.batch, _taken(work, assignment.batch))
        actors = self._add_stages(place, work, stages, grid, sources)
        self.firsts[group.name] = actors[0]
        feed_back_state(self.draft, work.layer, element.name, stages, actors)
        self._keep_weights(place, work, stages)
        self.ports[group.name] = Port(
            actors[-1], element.name, place.memory, group.name, float(work.group.output_bytes)
        )

    def _add_stages(
        self, place: Place, work: LayerWork, stages: Sequence[Stage], grid: Firings, sources: Sequence[Port]
    ) -> list[ActorDraft]:
        """An actor a stage, each joined to the ports of the layer's inputs and to the stage before it."""
        element, group = place.element.name, work.group
        actors: list[ActorDraft] = []
        before: Port | None = None
        for stage in stages:
            actor = add_stage(self.draft, place, work, stage, grid)
            for window in stage.windows:
                port = sources[window.source] if window.source >= 0 else before
                if port is not None:
                    self._connect(port, actor, window, group, element)
            written = float(work.layer.output_bytes) if stage.output_bytes is None else stage.output_bytes
            before = Port(actor, element, place.memory, group.name, written)
            actors.append(actor)
        return actors

    def _keep_weights(self, place: Place, work: LayerWork, stages: Sequence[Stage]) -> None:
        """Weights that stages fetch lie in the element's memory.

        An element that shares its hardware may be modelled without memory; a stage that streams weights may not.
        """
        if all(stage.weight_bytes is None for stage in stages):
            return
        if place.memory is not None:
            self.weights[place.memory] = self.weights.get(place.memory, 0) + work.group.weight_bytes
        elif place.element.streaming:
            name = place.element.name
            raise MappingError(
                f"layer '{work.group.name}' on '{name}' streams its weights, but '{name}' reaches no memory;"
                f" write 'memory' for it in the platform, or keep the weights on chip"
            )

    def _with_boundary(
        self, group: LayerGroup, work: LayerWork, stages: list[Stage], sources: list[Port], element: str
    ) -> list[Stage]:
        """Traffic of a streaming element to its memory, where a tensor enters from outside the fabric or leaves it."""
        first, last = stages[0], stages[-1]
        sizes = [int(np.prod(shape)) for shape in work.layer.in_shapes]
        outside = sum(size for port, size in zip(sources, sizes, strict=True) if port.element != element)
        if outside and first.read_bytes is None:
            amounts = work.input_bytes[:, None] * (outside / sum(sizes) / first.pieces)
            stages[0] = dataclasses.replace(first, read_bytes=amounts)
        if self._leaves(group, element) and last.write_bytes is None:
            amounts = work.output_bytes[:, None] / last.pieces
            stages[-1] = dataclasses.replace(stages[-1], write_bytes=amounts)
        return stages

    def _leaves(self, group: LayerGroup, element: str) -> bool:
        """Whether the output of a group is read by another element, or by nobody: the result of the network."""
        readers = [g for g in self.stream.network.groups() if group.name in g.inputs]
        return not readers or any(self.mapping.assignments[g.name].element != element for g in readers)

    def _reachable(self, port: Port, element: str, priority: int) -> Port:
        """The port itself where the element reaches it, else the end of a DMA copy to the element's own memory."""
        if port.element is None or port.element == element:
            return port
        target = memory_of(self.platform, element)
        if reaches(self.platform, element, port.memory) or (port.memory is None and target is None):
            return port
        key = (port.actor.name, target or element)
        if key not in self.copies:
            dma = dma_between(self.platform, port.element, element)
            if dma is None:
                raise MappingError(
                    f"'{element}' reads layer '{port.layer}' from '{port.element}', but they share no memory"
                    " and no DMA joins them;"
                    f" add e.g. 'dma: {{copy: {{moves: [{port.memory or port.element}, {target or element}]}}}}'"
                    " or map both to one element"
                )
            route = Route(dma, element, target, priority)
            self.copies[key] = add_copy(self.draft, self.platform, port, route)
        return self.copies[key]

    def _connect(self, port: Port, consumer: ActorDraft, window: Window, group: LayerGroup, element: str) -> None:
        edges = port.actor.token_edges
        if int(window.need[-1]) != int(edges[-1]):
            raise MappingError(
                f"layer '{group.name}' reads {int(window.need[-1])} elements a frame from '{port.layer}',"
                f" which writes {int(edges[-1])}"
            )
        need, free = tokens_needed(edges, window.need), tokens_freed(edges, window.free)
        streaming = self.platform.processing_elements[element].streaming and port.element == element
        named = self._platform_fifo(port.element, element)
        # Inside a layer rules name the stages ('conv1.swg' to 'conv1.mvau'), so that '*' speaks of layers alone.
        ends = (port.actor.name, consumer.name) if window.source < 0 else (port.layer, group.name)
        depth = self.mapping.rules.fifo_depth(*ends, is_inner=window.source < 0)
        if depth is None and named is not None:
            depth = self.platform.fifos[named].depth
        if depth is None:
            depth = self._own_depth(port, consumer, window, group, window_tokens(need, free), streaming)
        note = ChannelNote(port.layer, group.name, "fifo" if streaming or named else "buffer", named)
        if streaming and depth is not None:
            depth += _in_pipeline(port.actor)
        memory = None if streaming else (self.platform.fifos[named].config.lives_in if named else port.memory)
        self.draft.connect(
            port.actor,
            consumer,
            need,
            free,
            capacity=depth,
            note=note,
            token_bytes=port.frame_bytes / edges.size,
            memory=memory,
            discipline=Discipline.BLOCKING_AFTER_SERVICE if streaming else None,
        )

    def _own_depth(
        self, port: Port, consumer: ActorDraft, window: Window, group: LayerGroup, held: int, streaming: bool
    ) -> int | None:
        """Room in tokens where neither mapping nor platform gives it, for a reader that holds so many at once; None for
        any number.
        """
        edges = port.actor.token_edges
        depth = self._default_depth(port, consumer, group, held, streaming)
        enters = streaming and window.source >= 0
        if window.room is not None:
            room = max(1, held) + int(tokens_freed(edges, np.array([window.room]))[0])
            room *= max(port.actor.firings.batch, consumer.firings.batch) * consumer.concurrency
            # Where branches meet again the way that is quicker holds a frame, whatever the window has room for.
            depth = max(room, depth or 0) if enters and len(group.inputs) > 1 else room
        if enters and depth is not None and group.name in self.waiting:
            # What waits for a decision holds the frame meanwhile, and the one behind it, so that their way to the
            # decision stays free.
            depth += 2 * edges.size
        return depth

    def _default_depth(
        self, port: Port, consumer: ActorDraft, group: LayerGroup, window: int, streaming: bool
    ) -> int | None:
        tokens = port.actor.token_edges.size
        batch = max(port.actor.firings.batch, consumer.firings.batch)
        if port.element is None:
            return self._entrance_depth(consumer.firings.batch * consumer.concurrency)
        if not streaming or batch > 1:
            return (1 + consumer.concurrency) * tokens * batch
        _, width, channels = extent(group.main.in_shape)
        row = row_tokens(port.actor.token_edges, width * channels)
        if len(group.inputs) > 1:
            # Where branches meet again one may run a whole frame ahead of the other.
            return tokens + max(2, row)
        return window + row

    def _entrance_depth(self, batch: int) -> int | None:
        """Frames that may wait at the entrance.

        As many as start together when the platform sets the pace, any number of paced ones, few of a lossy stream.
        """
        if self.stream.lossy:
            return max(batch, self.mapping.rules.input_frames)
        return max(batch, self.together) if self.stream.is_saturated else None

    def _platform_fifo(self, producer: str | None, consumer: str) -> str | None:
        for name, fifo in self.platform.fifos.items():
            if producer != consumer and (fifo.writer, fifo.reader) == (producer, consumer):
                return name
        return None

    def _check_memories(self) -> None:
        faults = []
        for name, needed in self.weights.items():
            size = self.platform.memories[name].size
            if needed > size:
                faults.append(f"the weights take {needed} B of memory '{name}', which holds {size} B")
        if faults:
            raise MappingError(
                f"network '{self.stream.network.name}' does not fit platform '{self.platform.name}': "
                + "; ".join(faults)
                + ": quantise or prune the network, or enlarge the memory"
            )


def _taken(work: LayerWork, batch: int) -> Mask | None:
    """The frames that do the layer, None where all do; a batch runs whole."""
    return None if batch > 1 or bool(work.executed.all()) else work.executed


def _in_pipeline(writer: ActorDraft) -> int:
    """Tokens that lie in the writer's pipeline, not in the FIFO behind it, while its output cannot be read yet."""
    frames = max(1, writer.firings.frames)
    pace = max(1, writer.compute.total() // max(1, frames * writer.token_edges.size))
    return -(-writer.latency // pace)
