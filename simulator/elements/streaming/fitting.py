"""Whether layers fit a device, and what to change where they do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from pydantic import BaseModel, ConfigDict, Field

from simulator.elements.streaming.resources import Resources, total
from simulator.errors import PlatformError

_UNITS = {"lut": "LUTs", "bram18": "block RAMs of 18 Kb", "uram": "UltraRAMs", "dsp": "DSP slices"}
_ADVICE = {
    "lut": "lower their pe or simd, write res_type: dsp, use fewer bits, or prune their channels",
    "bram18": "write ram_style: distributed (or ultra), weights: streamed, lower pe and simd, or use fewer weight bits",
    "uram": "write ram_style: block, weights: streamed, or use fewer weight bits",
    "dsp": "lower their pe or simd, or write res_type: lut",
}


class Device(BaseModel):
    """What the fabric has; what is not given is not checked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lut: int | None = Field(None, ge=0, description="Look-up tables")
    bram18: int | None = Field(None, ge=0, description="Block RAMs of 18 Kb (a RAMB36 is two)")
    uram: int | None = Field(None, ge=0, description="UltraRAMs of 288 Kb")
    dsp: int | None = Field(None, ge=0, description="DSP slices")


def overflows(device: Device, used: Resources) -> dict[str, tuple[float, int]]:
    """What is used beyond what there is, by kind: (used, there)."""
    found = {}
    for kind in (field.name for field in fields(Resources)):
        there = getattr(device, kind)
        if there is not None and getattr(used, kind) > there:
            found[kind] = (getattr(used, kind), there)
    return found


def check_device(device: Device, layers: Mapping[str, Resources], element: str) -> None:
    """Raises ``PlatformError`` where the layers together take more than the device has, naming the largest of them."""
    faults = []
    for kind, (used, there) in overflows(device, total(layers.values())).items():
        largest = sorted(layers, key=lambda name: -getattr(layers[name], kind))[:3]
        names = ", ".join(f"'{name}' ({getattr(layers[name], kind):,.0f})" for name in largest)
        faults.append(
            f"{used:,.0f} {_UNITS[kind]} are needed and {there:,} are there; the largest layers are {names}:"
            f" {_ADVICE[kind]}"
        )
    if faults:
        raise PlatformError(f"the layers on '{element}' do not fit its device: " + "; ".join(faults))
