"""Carrying weights into a network and back: strictly, folded or not."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from mrcnn.loading import load_weights, save_weights, weighted_layers
from mrcnn.weights import WeightFile, WeightFileError
from tests.mrcnn.tiny import Groups, changed, read_groups, tiny_network

Layers = dict[str, list[np.ndarray]]


@pytest.fixture(scope="module")
def network():
    return tiny_network(seed=1)


@pytest.fixture(scope="module")
def folded_network():
    return tiny_network(folded=True, seed=1)


def weights(network) -> Layers:
    return {name: layer.get_weights() for name, layer in weighted_layers(network).items()}


def test_every_array_arrives_bit_for_bit(network, tiny_file: Path, tmp_path: Path):
    loaded = load_weights(network, WeightFile.open(tiny_file))
    assert set(loaded) == set(weighted_layers(network))
    save_weights(network, tmp_path / "again.h5")
    first, again = read_groups(tiny_file), read_groups(tmp_path / "again.h5")
    assert first.keys() == again.keys()
    for group, arrays in first.items():
        assert [name for name, _ in arrays] == [name for name, _ in again[group]]
        for (_, one), (_, other) in zip(arrays, again[group], strict=True):
            assert np.array_equal(one, other)
    assert [path.name for path in tmp_path.iterdir()] == ["again.h5"]


def test_folded_network_computes_the_same(network, folded_network, tiny_file: Path):
    import tensorflow as tf

    file = WeightFile.open(tiny_file)
    load_weights(network, file)
    load_weights(folded_network, file)
    noise = np.random.default_rng(0).integers(0, 256, (1, 128, 128, 3), np.uint8)
    inputs = (tf.constant(noise), tf.constant([[0.0, 0, 128, 128]]), tf.constant(0.25))
    plain, folded = network.stages(*inputs), folded_network.stages(*inputs)
    for one, other in zip(plain.levels, folded.levels, strict=True):
        assert np.abs(one - other).max() <= 1e-4 * np.abs(one).max()
    assert np.abs(plain.rpn_class - folded.rpn_class).max() <= 1e-3
    assert np.abs(plain.detections - folded.detections).max() <= 1e-3


def _drop_layer(groups: Groups) -> None:
    del groups["fpn_p3"]


def _drop_norm(groups: Groups) -> None:
    del groups["bn2a_branch2a"]


def _other_shape(groups: Groups) -> None:
    kernel, bias = groups["mrcnn_bbox_fc"]
    groups["mrcnn_bbox_fc"] = [(kernel[0], kernel[1][:, :8]), (bias[0], bias[1][:8])]


def _one_more(groups: Groups) -> None:
    groups["mrcnn_mask_conv5"] = groups["mrcnn_mask_conv4"]


def _no_bias(groups: Groups) -> None:
    groups["fpn_c2p2"].pop()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        pytest.param(
            _drop_layer,
            r"fpn_p3: file has nothing, network wants \(3, 3, 16, 16\) \(16,\)",
            id="missing layer",
        ),
        pytest.param(_drop_norm, "bn2a_branch2a: file has nothing", id="missing normalization"),
        pytest.param(
            _other_shape,
            r"mrcnn_bbox_fc: file has \(32, 8\) \(8,\), network wants \(32, 20\) \(20,\)",
            id="other shape",
        ),
        pytest.param(_one_more, r"mrcnn_mask_conv5: .* network wants nothing", id="unused layer"),
        pytest.param(_no_bias, r"fpn_c2p2: file has \(1, 1, 64, 16\), network", id="no bias"),
    ],
)
@pytest.mark.parametrize("folded", [False, True], ids=["norms", "folded"])
def test_layer_that_does_not_fit_is_refused(
    change, told: str, folded: bool, network, folded_network, tiny_file: Path, tmp_path: Path
):
    file = WeightFile.open(changed(tiny_file, tmp_path / "odd.h5", change))
    target = folded_network if folded else network
    before = weights(target)
    with pytest.raises(WeightFileError, match=told):
        load_weights(target, file)
    for name, arrays in weights(target).items():
        assert all(map(np.array_equal, arrays, before[name])), f"{name} was touched"


def test_all_layers_that_do_not_fit_are_listed_at_once(network, tiny_file: Path, tmp_path: Path):
    def both(groups: Groups) -> None:
        _drop_layer(groups)
        _other_shape(groups)

    file = WeightFile.open(changed(tiny_file, tmp_path / "odd.h5", both))
    with pytest.raises(WeightFileError, match=r"odd.h5: 2 layers do not fit:\n") as caught:
        load_weights(network, file)
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize("folded", [False, True], ids=["norms", "folded"])
def test_what_fits_is_loaded_if_that_is_allowed(
    folded: bool, network, folded_network, tiny_file: Path, tmp_path: Path, caplog
):
    file = WeightFile.open(changed(tiny_file, tmp_path / "odd.h5", _drop_norm))
    target = folded_network if folded else network
    with caplog.at_level(logging.WARNING):
        loaded = load_weights(target, file, allow_partial=True)
    assert "bn2a_branch2a" in caplog.text
    left = {"res2a_branch2a"} if folded else {"bn2a_branch2a"}
    assert set(weighted_layers(target)) - set(loaded) == left


def test_excluded_layers_stay_as_they_are(network, tiny_file: Path, tmp_path: Path):
    heads = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask"]
    before = weights(network)
    file = WeightFile.open(changed(tiny_file, tmp_path / "odd.h5", _other_shape))
    loaded = load_weights(network, file, exclude=heads)
    assert not set(loaded) & set(heads)
    for name in heads:
        assert all(map(np.array_equal, weights(network)[name], before[name]))
