"""One seed, split per named source, so that adding a source leaves the others unchanged."""

from __future__ import annotations

import hashlib

import numpy as np

from workloads.errors import WorkloadError


def generator(seed: int, name: str) -> np.random.Generator:
    """The random stream of the source called ``name`` under the run's ``seed``; equal in every process and on every
    machine. Raises :class:`WorkloadError` for a negative seed.
    """
    if seed < 0:
        raise WorkloadError(f"the seed is {seed}; write 0 or more")
    digest = hashlib.sha256(name.encode()).digest()
    key = tuple(int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4))
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))
