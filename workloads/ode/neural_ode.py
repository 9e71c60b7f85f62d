"""An ODE-Net block between convolution layers: a residual block whose depth is what its solver takes.

Chen et al., Neural Ordinary Differential Equations (NeurIPS 2018), section 3: h(1) from h(0) by dh/dt = f(t, h); f is
two convolutions over the feature maps and a channel that holds t, each behind a normalisation and a ReLU. Every
evaluation costs the same; an input's work is how many it needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from workloads.errors import WorkloadError
from workloads.ode.ltc import Vector
from workloads.ode.operations import Operations
from workloads.ode.solvers import AdaptiveMethod, SolverTrace, integrate_each
from workloads.seeds import generator

_LARGEST_GAIN = 1_000_000


@dataclass(frozen=True, eq=False)
class ConvDynamics:
    """f(t, h): twice normalise, ReLU and convolve, then normalise and scale by ``gain``; f has the shape of h.

    The two kernels are channels x (channels + 1) x k x k, the last input channel being the time, or channels x channels
    x k x k where f does not depend on it.
    """

    height: int
    width: int
    first: Vector
    second: Vector
    gain: float = 1.0

    def __post_init__(self) -> None:
        shape = np.shape(self.first)
        fits = len(shape) == 4 and shape[1] - shape[0] in (0, 1) and shape[2] == shape[3] and shape[2] % 2 == 1
        if not fits or np.shape(self.second) != shape:
            raise WorkloadError(
                f"ODE block: kernels of shapes {shape} and {np.shape(self.second)}; both must be "
                "channels x (channels + 1) x k x k, or channels x channels x k x k without the time, with an odd k"
            )
        if self.height < 1 or self.width < 1:
            raise WorkloadError(f"ODE block: feature maps of {self.height} x {self.width}; both must be at least 1")
        if not abs(self.gain) <= _LARGEST_GAIN:
            raise WorkloadError(f"ODE block: gain is {self.gain:g}; write a number of at most {_LARGEST_GAIN}")

    @classmethod
    def seeded(
        cls,
        channels: int,
        height: int,
        width: int,
        *,
        seed: int,
        kernel: int = 3,
        gain: float = 1.0,
        timed: bool = True,
    ) -> ConvDynamics:
        """Normal weights of variance 2 / fan-in; the larger the ``gain``, the more steps it takes."""
        draw = generator(seed, "conv-dynamics")
        shape = (channels, channels + int(timed), kernel, kernel)
        scale = np.sqrt(2.0 / (shape[1] * kernel**2))
        return cls(height, width, scale * draw.standard_normal(shape), scale * draw.standard_normal(shape), gain)

    @property
    def channels(self) -> int:
        """Feature maps in and out."""
        return int(self.first.shape[0])

    @property
    def size(self) -> int:
        """Values of one state."""
        return self.channels * self.height * self.width

    @property
    def parameters(self) -> int:
        """Weights of the two kernels."""
        return 2 * int(self.first.size)

    def __call__(self, time: float, state: Vector) -> Vector:
        """dh/dt of one flat state."""
        maps = state.reshape(self.channels, self.height, self.width)
        maps = self._convolve(np.maximum(_normalise(maps), 0), self.first, time)
        maps = self._convolve(np.maximum(_normalise(maps), 0), self.second, time)
        return self.gain * _normalise(maps).ravel()

    def _convolve(self, maps: Vector, kernel: Vector, time: float) -> Vector:
        edge, clocks = kernel.shape[2] // 2, kernel.shape[1] - kernel.shape[0]
        clock = np.full((clocks, self.height, self.width), time)
        padded = np.pad(np.concatenate([maps, clock]), ((0, 0), (edge, edge), (edge, edge)))
        rows, columns = range(kernel.shape[2]), range(kernel.shape[3])
        shifted = [padded[:, y : y + self.height, x : x + self.width] for y in rows for x in columns]
        taps = np.stack(shifted, axis=1).reshape(kernel[0].size, -1)
        return np.asarray((kernel.reshape(len(kernel), -1) @ taps).reshape(maps.shape))

    def operations(self) -> Operations:
        """One evaluation: two convolutions, and three normalisations of two reductions and four operations a value."""
        convolutions = 2 * int(self.first.size) * self.height * self.width
        values = self.size
        # subtract the mean, square, divide by the deviation (a multiplication with its inverse)
        one = Operations(subtract=values, multiply=2 * values, sum_inputs=2 * values, divide=2)
        return Operations(mac=convolutions, multiply=values) + 3 * one


@dataclass(frozen=True, eq=False)
class NeuralOdeBlock:
    """A block that integrates its dynamics from 0 to ``span``; both tolerances are 1e-3 as in the ODE-Net example
    of ``torchdiffeq`` (``examples/odenet_mnist.py``).
    """

    dynamics: ConvDynamics
    span: float = 1.0
    rtol: float = 1e-3
    atol: float = 1e-3
    method: AdaptiveMethod = "RK45"

    def run(self, inputs: Vector, *, batch: int = 1) -> SolverTrace:
        """Integrate each input (inputs x channels x height x width); the trace holds evaluations and flat results."""
        rows = np.asarray(inputs, dtype=np.float64)
        wanted = (self.dynamics.channels, self.dynamics.height, self.dynamics.width)
        if rows.ndim != 4 or rows.shape[1:] != wanted:
            raise WorkloadError(
                f"ODE block: inputs of shape {rows.shape}; they must be inputs x {' x '.join(map(str, wanted))}"
            )
        flat = rows.reshape(len(rows), -1)
        return integrate_each(
            self.dynamics, flat, window=self.span, rtol=self.rtol, atol=self.atol, method=self.method, batch=batch
        )

    def macs(self, trace: SolverTrace) -> Vector:
        """Multiply-accumulates of each input."""
        return np.asarray(trace.evaluations * float(self.dynamics.operations().mac))


def feature_maps(count: int, channels: int, height: int, width: int, *, seed: int) -> Vector:
    """Seeded stand-ins for what a convolution layer passes on: smooth maps of unequal strength, none below 0."""
    draw = generator(seed, "feature-maps")
    maps = draw.standard_normal((count, channels, height, width))
    for axis in (2, 3):
        maps = (maps + np.roll(maps, 1, axis=axis)) / 2
    strength = draw.lognormal(0.0, 0.75, (count, 1, 1, 1))
    return np.maximum(maps * strength, 0.0)


def _normalise(maps: Vector) -> Vector:
    """Zero mean and unit variance over all maps (group normalisation with one group)."""
    centred = maps - maps.mean()
    return np.asarray(centred / np.sqrt((centred**2).mean() + 1e-5))
