"""Layers as Keras 1 wrote them down, in the words of Keras 2. Others are as they were."""

from __future__ import annotations

from typing import Any

from app.kinds.image_classifier.arrays import UnfitError

_CLASSES = {
    "AtrousConv2D": "Conv2D",
    "AtrousConvolution2D": "Conv2D",
    "Convolution2D": "Conv2D",
    "SeparableConvolution2D": "SeparableConv2D",
}
_MERGES = {
    "sum": "Add",
    "mul": "Multiply",
    "ave": "Average",
    "max": "Maximum",
    "concat": "Concatenate",
}
_KEYS = {
    "nb_filter": "filters",
    "border_mode": "padding",
    "subsample": "strides",
    "bias": "use_bias",
    "output_dim": "units",
    "atrous_rate": "dilation_rate",
    "p": "rate",
    "sigma": "stddev",
}
_LAYOUTS = {"th": "channels_first", "tf": "channels_last"}
_RECURRENT = ("LSTM", "GRU", "SimpleRNN")
# How arrays began, and how training held them: nothing that a model in use needs.
_TRAINING = ("init", "weights", "input_dtype", "input_dim", "input_length")
_TRAINING_ENDS = ("_init", "_regularizer", "_constraint", "_learning_rate_multiplier")


def translated(entry: dict[str, Any]) -> dict[str, Any]:
    """Return one layer in the words of Keras 2; raises UnfitError for what it has no words for."""
    kind, config, name = entry["class_name"], entry["config"], entry["config"].get("name", "")
    if kind in _RECURRENT and "output_dim" in config:
        raise UnfitError(f"layer {name} is a {kind} of Keras 1, which is not read; save it anew")
    if kind == "Merge":
        return {**entry, **_merge(config, name)}
    if kind == "BatchNormalization" and config.get("mode", 0) == 1:
        raise UnfitError(f"layer {name} normalizes each sample, as no later Keras does")
    found: dict[str, Any] = {}
    for key, value in config.items():
        if key == "dim_ordering":
            found["data_format"] = _LAYOUTS.get(value, "channels_last")
        elif key not in _TRAINING and not key.endswith(_TRAINING_ENDS) and key != "mode":
            found[_KEYS.get(key, key)] = value
    if "nb_row" in found:
        found["kernel_size"] = [found.pop("nb_row"), found.pop("nb_col")]
    if found.get("padding") == "full":
        raise UnfitError(f"layer {name} has border_mode 'full', which no later Keras has")
    return {**entry, "class_name": _CLASSES.get(kind, kind), "config": found}


def _merge(config: dict[str, Any], name: str) -> dict[str, Any]:
    mode = config.get("mode")
    if not isinstance(mode, str) or config.get("mode_type", "raw") != "raw":
        raise UnfitError(f"layer {name} merges by a function, which is code in the file")
    if mode not in _MERGES:
        raise UnfitError(f"layer {name} merges by {mode!r}, which no later Keras does")
    merged: dict[str, Any] = {"name": name}
    if mode == "concat":
        merged["axis"] = config.get("concat_axis", -1)
    return {"class_name": _MERGES[mode], "config": merged}
