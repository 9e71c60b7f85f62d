"""GPUs: ResNet-50 against batch under two frameworks, and TensorRT on Jetson boards.

For each GPU, framework and precision a launch time and an efficiency are fitted at batch 1 and 128; how far the host
runs ahead is one number a framework (simulator/elements/frameworks.py). On the Jetson Nano an efficiency, a kernel
floor and a bandwidth are fitted to four models. The AGX Xavier and the TX2 have seen no fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from experiments.validation.ncnn_networks import networks, read
from experiments.validation.rows import Row, aggregate
from simulator.calibration import Calibration, Measurement, calibrate, predict
from simulator.platform import load_platform
from workloads import load_network

BATCH_SOURCE = "NVIDIA/DeepLearningExamples, commit 729963d, ConvNets/resnet50v1.5/README.md"
JETSON_SOURCE = "NVIDIA-AI-IOT/torch2trt, commit 4e820ae, docs/benchmarks"
FITTED_BATCHES = ("1", "128")
FITTED_MODELS = ("resnet18", "vgg16", "squeezenet1_1", "densenet121")
_GPU = "processing_elements.gpu"

# What calibrate() finds at batch 1 and 128 (refit_batch); the framework's platform file holds the first of each GPU.
SETTINGS: Mapping[tuple[str, str, str], Mapping[str, str]] = MappingProxyType(
    {
        ("tensorflow", "V100", "fp32"): {f"{_GPU}.efficiency": "0.776", f"{_GPU}.launch": "47.5 us"},
        ("tensorflow", "V100", "fp16"): {f"{_GPU}.tensor_efficiency": "0.266", f"{_GPU}.launch": "34.6 us"},
        ("tensorflow", "T4", "fp32"): {f"{_GPU}.efficiency": "0.681", f"{_GPU}.launch": "53.2 us"},
        ("pytorch", "V100", "fp32"): {f"{_GPU}.efficiency": "0.948", f"{_GPU}.launch": "58.5 us"},
        ("pytorch", "T4", "fp32"): {f"{_GPU}.efficiency": "0.930", f"{_GPU}.launch": "55.6 us"},
    }
)
_OTHER_FIGURES = (  # platform, network, images a second, source
    ("jetson-nano", "googlenet", 60.0, "JK Jung's blog, TensorRT fp16 Caffe GoogLeNet"),
    ("jetson-tx2", "googlenet", 140.0, "JK Jung's blog, TensorRT fp16 Caffe GoogLeNet"),
    ("jetson-nano", "inception-v4", 11.0, "NVIDIA's blog on the Jetson Nano, 299 x 299"),
)
_XAVIER_NX = (("resnet-50", 4, 2, 824.02), ("inception-v4", 2, 1, 311.73), ("vgg-19", 1, 0, 66.43))
"""Network, batch on the GPU, batch on each of two DLAs (0: not used), images a second of all together."""


def zoo_name(model: str) -> str:
    """The zoo's name of a torchvision model."""
    name = model.replace("_bn", "-bn").replace("squeezenet1_", "squeezenet-1.").replace("_", "-")
    for family in ("resnet", "densenet", "vgg"):
        if name.startswith(family) and not name.startswith(f"{family}-"):
            name = name.replace(family, f"{family}-", 1)
    return name


def batch_measurements(key: tuple[str, str, str], batches: tuple[str, ...] | None = None) -> list[Measurement]:
    """ResNet-50 on one GPU under one framework at one precision, for all batches or those named."""
    network = load_network("resnet-50")
    return [
        Measurement(
            network, int(row["batch"]) / float(row["images_per_s"]), "gpu", None, int(row["batch"]), None, key[2]
        )
        for row in read("resnet50_batch.csv")
        if (row["framework"], row["gpu"], row["precision"]) == key and (batches is None or row["batch"] in batches)
    ]


def refit_batch(key: tuple[str, str, str]) -> Calibration:
    """The fit that gave ``SETTINGS[key]``."""
    framework = {f"{_GPU}.framework": key[0]}
    rows = batch_measurements(key, FITTED_BATCHES)
    return calibrate(f"{key[1].lower()}-server", rows, list(SETTINGS[key]), leave_one_out=False, settings=framework)


def refit_nano() -> Calibration:
    """The fit that gave the factors of the Jetson Nano's GPU."""
    speeds = {row["network"]: float(row["fps"]) for row in read("torch2trt.csv") if row["board"] == "jetson-nano"}
    rows = [Measurement(load_network(zoo_name(name)), 1 / speeds[name], "gpu") for name in FITTED_MODELS]
    keys = ("efficiency", "kernel_floor", "memory_bandwidth")
    return calibrate("jetson-nano", rows, [f"{_GPU}.{key}" for key in keys], leave_one_out=False)


def rows() -> list[Row]:
    """All figures; ResNet-50 is judged at every batch, the Jetson Nano by the median of what no fit saw."""
    return _batch_rows() + _jetson_rows() + _other_rows() + _vulkan_rows()


def _batch_rows() -> list[Row]:
    found = []
    for key, settings in SETTINGS.items():
        framework, gpu, precision = key
        platform = load_platform(f"{gpu.lower()}-server", {f"{_GPU}.framework": framework, **settings})
        for measured in batch_measurements(key):
            reference, simulated = (measured.batch / s for s in (measured.seconds, predict(platform, measured)))
            case = f"{gpu} {framework} {precision}, batch {measured.batch}"
            note = "the fit saw it" if str(measured.batch) in FITTED_BATCHES else ""
            found.append(Row("ResNet-50 on GPUs", case, "images/s", reference, simulated, 0.15, BATCH_SOURCE, note))
    return found


def _jetson_rows() -> list[Row]:
    unseen: list[Row] = []
    shown: list[Row] = []
    for row in read("torch2trt.csv"):
        platform = load_platform(row["board"])
        network = load_network(zoo_name(row["network"]))
        simulated = 1 / predict(platform, Measurement(network, 1.0, "gpu", precision="fp16"))
        seen = row["board"] == "jetson-nano" and row["network"] in FITTED_MODELS
        note = "the fit saw it" if seen else "no fit to this board" if row["board"] != "jetson-nano" else ""
        case = f"{row['board']}: {row['network']}"
        made = Row("TensorRT on Jetson", case, "images/s", float(row["fps"]), simulated, None, JETSON_SOURCE, note)
        (shown if note else unseen).append(made)
    text = f"{len(unseen)} models that no fit saw"
    return [
        aggregate(unseen, "TensorRT on Jetson", "Nano, median error", 0.5, 0.15, JETSON_SOURCE, text),
        *unseen,
        *shown,
    ]


def _other_rows() -> list[Row]:
    found = []
    for board, name, speed, source in _OTHER_FIGURES:
        measured = Measurement(load_network(name), 1 / speed, "gpu", precision="fp16")
        simulated = 1 / predict(load_platform(board), measured)
        found.append(Row("TensorRT on Jetson", f"{board}: {name}", "images/s", speed, simulated, None, source))
    platform = load_platform("jetson-xavier-nx")
    source = "NVIDIA-AI-IOT/jetson_benchmarks, commit c029c7d, benchmark_csv/nx-benchmarks.csv"
    for name, *batches, speed in _XAVIER_NX:
        network, simulated = load_network(name), 0.0
        for element, batch in zip(("gpu", "dla0", "dla1"), (batches[0], batches[1], batches[1]), strict=True):
            if batch:
                measured = Measurement(network, 1.0, element, batch=batch, precision="int8")
                simulated += batch / predict(platform, measured)
        case = f"jetson-xavier-nx: {name}, each on its own frames"
        note = "GPU and DLAs side by side in int8; no fit to this board"
        found.append(Row("TensorRT on Jetson", case, "images/s", speed, simulated, None, source, note))
    return found


def _vulkan_rows() -> list[Row]:
    """The Mali GPU of the RK3399, fitted to three networks like the CPUs; shown."""
    known, platform = networks(), load_platform("rk3399")
    found = []
    for row in read("ncnn_latency.csv"):
        if row["board"] != "rk3399_a72_a53" or row["device"] == "cpu" or row["network"] not in known:
            continue
        measured = Measurement(known[row["network"]], float(row["min_ms"]) / 1e3, "gpu")
        simulated = predict(platform, measured) * 1e3
        case, source = f"rk3399 gpu: {row['network']}", "Tencent/ncnn, commit a4d2ea1, benchmark/README.md"
        found.append(Row("ncnn on a Mali GPU", case, "ms", measured.seconds * 1e3, simulated, None, source))
    return found
