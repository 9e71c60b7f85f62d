"""What a mapping may say of a layer on an FPGA, and what each operator's folding must divide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from simulator.elements.folding import divisors
from simulator.elements.streaming.tileoptions import TileOptions
from simulator.errors import PlatformError, did_you_mean

RamStyle = Literal["auto", "block", "distributed", "ultra"]


class FoldingOptions(BaseModel):
    """Options of a layer; what is absent is chosen so that no operator is slower than the slowest matrix-vector unit.

    ``in_bits``, ``copies``, ``from_host``, ``to_host``, ``has_memory`` and ``pace`` are worked out from the layers and
    the element around this one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    pe: int | None = Field(None, ge=1, description="Rows of the matrix (output channels) in parallel")
    simd: int | None = Field(None, ge=1, description="Columns (inputs of a row) in parallel")
    impl: Literal["hls", "rtl"] = Field("hls", description="Matrix-vector unit: in RTL it prefetches the next vector")
    adder: Literal["finn-r", "binary", "ternary", "compressor"] = Field("finn-r", description="Adder tree of a row")
    res_type: Literal["auto", "lut", "dsp"] = Field("auto", description="Where products are computed")
    weights: Literal["on_chip", "streamed", "cached"] | None = Field(
        None, description="Where weights lie: on chip, in memory and read for each vector, or those last used on chip"
    )
    ram_style: RamStyle = Field("auto", description="Memory of weights")
    accumulator_bits: int | None = Field(None, ge=1, description="Width of the sum, where the weights bound it")
    padding_simd: int | None = Field(None, ge=1, description="Channels a cycle of the padding")
    swg: Literal["rtl", "hls", "hls_naive"] = Field("rtl", description="Sliding window unit")
    swg_simd: int | None = Field(None, ge=1, description="Channels a cycle of the sliding window unit")
    swg_ram_style: RamStyle = Field("auto", description="Memory of the sliding window unit")
    parallel_window: bool = Field(False, description="A whole window leaves the sliding window unit in a cycle")
    thresholds: Literal["embedded", "standalone"] | None = Field(
        None, description="In the matrix-vector unit or behind"
    )
    threshold_pe: int | None = Field(None, ge=1, description="Channels a cycle of the thresholding")
    threshold_ram_style: RamStyle = Field("auto", description="Memory of thresholds")
    pool: Literal["streaming", "window", "accumulate"] | None = Field(
        None, description="Max pool as one stage, any pool behind a sliding window, or a global pool as an accumulation"
    )
    pool_pe: int | None = Field(
        None, ge=1, description="Channels a cycle of the pool, and of the window in front of it"
    )
    copy_pe: int | None = Field(None, ge=1, description="Channels a cycle of the duplication of the output")
    reuse: int | None = Field(None, ge=1, description="hls4ml: multiplications that share a multiplier")
    io: Literal["stream", "parallel"] = Field("stream", description="hls4ml: tensors as streams or as registers")
    target_cycles: int | None = Field(None, ge=1, description="Fold by SetFolding until a frame takes fewer cycles")
    target_fps: float | None = Field(None, gt=0, description="The same, as frames a second")
    load: Literal["dense", "mean"] | Annotated[float, Field(gt=0, le=1)] = Field(
        "dense", description="What an automatic folding balances: dense work, the mean of the frames, or a quantile"
    )
    instances: int = Field(1, ge=1, description="Copies of the layer's hardware that take pieces in turn")
    engine: str | None = Field(None, description="Layers of one engine share hardware and take turns on it")
    tile: TileOptions | None = Field(None, description="Strips or 2-D tiles in which a convolution is computed")
    in_bits: tuple[int | None, ...] = Field((), description="Stream width of each writer; None: from a memory")
    copies: int = Field(1, description="Streaming layers that read the output")
    from_host: bool = Field(False, description="The input comes from outside the fabric")
    to_host: bool = Field(False, description="The output leaves the fabric")
    has_memory: bool = Field(False, description="The element reaches a memory")
    pace: int | None = Field(None, description="Cycles a frame that operators without folding may take")


def read_options(options: Mapping[str, Any], where: str) -> FoldingOptions:
    """The options of a layer; raises ``PlatformError`` with all faults of them, 'where' naming layer and element."""
    try:
        return FoldingOptions.model_validate(dict(options))
    except ValidationError as error:
        faults = []
        for fault in error.errors():
            # Only the options of a tile lie deeper; what follows another name is an alternative of its type.
            name = ".".join(map(str, fault["loc"] if fault["loc"][0] == "tile" else fault["loc"][:1]))
            if fault["type"] == "extra_forbidden":
                faults.append(f"no option '{name}'{did_you_mean(name, sorted(FoldingOptions.model_fields))}")
            else:
                faults.append(f"{name} is {fault['input']!r}: {fault['msg'].lower()}")
        raise PlatformError(f"{where}: {'; '.join(faults)}") from None


def check_divides(where: str, name: str, value: int, whole: int, what: str) -> None:
    """Raises ``PlatformError`` where a folding does not divide what it folds, with the values that would."""
    if value >= 1 and whole % value == 0:
        return
    raise PlatformError(
        f"{where}: {name} is {value}, which does not divide {what} {whole}; write one of {_listed(divisors(whole))}"
    )


def _listed(values: Sequence[int]) -> str:
    if len(values) <= 24:
        return ", ".join(str(value) for value in values)
    return ", ".join(str(value) for value in values[:20]) + f", ... {values[-1]}"
