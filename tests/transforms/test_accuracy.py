"""Published accuracies are data with a source, or nothing."""

from __future__ import annotations

from workloads.accuracy import accuracy_text, published_accuracy


def test_published_figure_comes_with_its_source() -> None:
    found = published_accuracy("mobilenet-v1-0.5-224")
    assert found is not None
    assert (found.top1_percent, found.dataset) == (63.7, "ImageNet")
    assert "1704.04861" in found.source


def test_variant_without_a_figure_says_so() -> None:
    assert published_accuracy("vgg-16", "separable") is None
    assert accuracy_text("vgg-16", "separable") == "none published"
    assert accuracy_text("vgg-16") == "71.59 %"
    assert accuracy_text("vgg-16", "low-rank-3d-4x") == "top-5 error +0.9 points, +0.3 with fine-tuning"
