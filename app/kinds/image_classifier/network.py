"""What a network's configuration tells without Keras: its input, its outputs, its first layers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.kinds.image_classifier.arrays import UnfitError
from app.kinds.image_classifier.configuration import OPERATION
from app.kinds.image_classifier.words import words

Entry = Mapping[str, Any]

#: Layers whose units or filters are the classes, and those that may stand behind them.
_COUNTED = frozenset({"Conv2D", "Dense", "SeparableConv2D"})
_PASSING = words(
    """
    Activation AveragePooling2D BatchNormalization Dropout Flatten GlobalAveragePooling2D
    GlobalMaxPooling2D Identity Reshape Softmax
    """
)
#: Layers before the first that has weights, that leave pixels pixels.
_BEFORE = words(
    """
    CenterCrop Cropping2D Flatten Identity InputLayer Permute RandAugment RandomCrop Reshape
    Resizing ZeroPadding2D
    """
)
_SCALING = frozenset({"Normalization", "Rescaling"})
_SCALING_FUNCTIONS = (
    "truediv",
    "divide",
    "multiply",
    "subtract",
    "add",
    "Div",
    "Mul",
    "Sub",
    "Add",
)
_SCALING_OPERATIONS = frozenset({"Divide", "TrueDivide", "Multiply", "Subtract", "Add"})


@dataclass(frozen=True)
class Network:
    """A network as its configuration has it.

    Attributes:
        input_shape: what one picture is, None where any size fits.
        is_channels_first: whether the channels come before the rows.
        outputs: the names of its outputs.
        classes: numbers that come out, None where the configuration does not tell.
        activation: of the last layer, `linear` where it has none; None where it is not told.
        scales: whether its first layers bring pixels from 0 to 255 to where it wants them.
        layers: class and name of each, those of models within it too.
        widths: name, and units or filters, of the layers that have them.
        is_teachable_machine: put together as Teachable Machine does it.
    """

    input_shape: tuple[int | None, ...] | None
    is_channels_first: bool
    outputs: tuple[str, ...]
    classes: int | None
    activation: str | None
    scales: bool
    layers: tuple[tuple[str, str], ...]
    widths: tuple[tuple[str, int], ...]
    is_teachable_machine: bool


def network_of(config: Entry, output: str | None = None) -> Network:
    """Read a rewritten configuration; raises UnfitError where it takes no single picture.

    Args:
        config: what `configuration.rewritten` returns.
        output: the name of the output wanted, where there are several.
    """
    try:
        leaves = list(_layers(config))
        outputs = _outputs(config)
        classes, activation = _classes(_last(config, output))
        return Network(
            _input_shape(config),
            _is_channels_first(leaves),
            outputs,
            classes,
            activation,
            _scales(config),
            tuple((one["class_name"], one["config"].get("name", "")) for one in leaves),
            tuple(_widths(leaves)),
            _is_teachable_machine(config),
        )
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise UnfitError(
            f"its configuration lacks what a Keras model has ({type(error).__name__}: {error})"
        ) from error


def _is_model(entry: Entry) -> bool:
    return "layers" in entry["config"]


def _layers(entry: Entry) -> Iterator[Entry]:
    """Yield the innermost layers in order."""
    if _is_model(entry):
        for one in entry["config"]["layers"]:
            yield from _layers(one)
    else:
        yield entry


def _widths(leaves: list[Entry]) -> Iterator[tuple[str, int]]:
    for one in leaves:
        for key in ("units", "filters"):
            if isinstance(width := one["config"].get(key), int):
                yield str(one["config"].get("name", "")), width


def _leaves(value: Any) -> list[list[Any]]:
    """Return every (name, call, output) of `input_layers` or `output_layers`."""
    if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value
    return [leaf for one in inner for leaf in _leaves(one)]


def _by_name(config: Mapping[str, Any]) -> dict[str, Entry]:
    return {entry.get("name", entry["config"].get("name")): entry for entry in config["layers"]}


def _named(entries: Mapping[str, Entry], name: str) -> Entry:
    if name not in entries:
        raise UnfitError(f"it names a layer {name}, and has none")
    return entries[name]


def _input_shape(entry: Entry) -> tuple[int | None, ...] | None:
    """Return the shape of the one input without the batch; None where it is open."""
    config = entry["config"]
    if "input_layers" in config:
        names = [leaf[0] for leaf in _leaves(config["input_layers"])]
        if len(names) != 1:
            raise UnfitError(
                f"it takes {len(names)} inputs ({', '.join(names[:6])}); a classifier of pictures "
                f"takes one"
            )
        return _input_shape(_named(_by_name(config), names[0]))
    if "layers" in config:
        return _input_shape(config["layers"][0])
    shape = config.get("batch_shape") or config.get("batch_input_shape")
    if shape is None:
        return None
    sides = tuple(shape[1:])
    if not all(side is None or (type(side) is int and side > 0) for side in sides):
        raise UnfitError(f"its input has the shape {list(shape)}, which no picture has")
    if config.get("dtype") == "string":
        raise UnfitError("its input is text, not a picture")
    return sides


def _is_channels_first(leaves: list[Entry]) -> bool:
    said = [one["config"].get("data_format") for one in leaves]
    return next((one for one in said if one), None) == "channels_first"


def _outputs(entry: Entry) -> tuple[str, ...]:
    config = entry["config"]
    if "output_layers" in config:
        given = config["output_layers"]
        if isinstance(given, dict):
            return tuple(given)
        return tuple(leaf[0] for leaf in _leaves(given))
    return (str(config.get("name", "")),)


def _last(entry: Entry, output: str | None) -> list[Entry]:
    """Return the layers up to one output, from the last to the first, where they are a chain."""
    config = entry["config"]
    if "output_layers" not in config:
        found = [[one] if not _is_model(one) else _last(one, None) for one in config["layers"]]
        return [one for chain in reversed(found) for one in chain]
    given = config["output_layers"]
    leaf = _leaves(given[output] if isinstance(given, dict) and output in given else given)
    names = [one[0] for one in leaf]
    name = output if output in names else names[0]
    chain: list[Entry] = []
    entries = _by_name(config)
    while name is not None:
        one = _named(entries, name)
        chain += _last(one, None) if _is_model(one) else [one]
        before = _sources(one)
        name = before[0] if len(before) == 1 and len(chain) < 2000 else None
    return chain


def _sources(entry: Entry) -> list[str]:
    """Return the names of the layers that a layer's first call takes from."""
    nodes = entry.get("inbound_nodes") or []
    found: dict[str, None] = {}
    waiting: list[Any] = list(nodes[:1])
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict) and one.get("class_name") == "__keras_tensor__":
            found[one["config"]["keras_history"][0]] = None
        elif isinstance(one, dict | list):
            inner = one.values() if isinstance(one, dict) else one
            waiting += inner
            if isinstance(one, list) and len(one) >= 3 and isinstance(one[0], str):
                found[one[0]] = None
    return list(found)


def _classes(last: list[Entry]) -> tuple[int | None, str | None]:
    """Return the count of outputs and the last activation."""
    activation: str | None = None
    count: int | None = None
    for entry in last:
        kind, own = entry["class_name"], entry["config"]
        said = _activation(kind, own)
        activation = activation or (said if said != "linear" else None)
        if kind in _COUNTED:
            counted = own.get("units", own.get("filters"))
            if type(counted) is not int or counted < 1:
                raise UnfitError(f"layer {own.get('name')} has {counted!r} units or filters")
            return (counted if count is None else count or None), activation or "linear"
        if kind == "Reshape" and count is None:
            target = own.get("target_shape", [])
            count = target[0] if len(target) == 1 and type(target[0]) is int else 0
            count = max(count, 0)
        elif kind == "Flatten" and count is None:
            count = 0
        if kind not in _PASSING:
            break
    return count or None, activation


def _activation(kind: str, config: Mapping[str, Any]) -> str | None:
    if kind == "Softmax":
        return "softmax"
    if kind == OPERATION:
        return {"nn.softmax": "softmax", "math.sigmoid": "sigmoid", "nn.sigmoid": "sigmoid"}.get(
            str(config.get("function"))
        )
    given = config.get("activation")
    if isinstance(given, dict):
        given = given.get("config") if isinstance(given.get("config"), str) else "other"
    if given is None and ("units" in config or "filters" in config):
        return "linear"
    return given if isinstance(given, str) else None


def _scales(entry: Entry) -> bool:
    """Say whether pixels are scaled before the first layer with weights sees them."""
    for one in _way_in(entry):
        kind = one["class_name"]
        if kind in _SCALING:
            return True
        if kind == OPERATION and str(one["config"]["function"]).endswith(_SCALING_FUNCTIONS):
            return True
        if kind in _SCALING_OPERATIONS and _is_operation(one):
            return True
        if kind not in _BEFORE and kind != OPERATION and not kind.startswith("Random"):
            return False
    return False


def _is_operation(entry: Entry) -> bool:
    return "ops" in str(entry.get("module"))


def _way_in(entry: Entry) -> Iterator[Entry]:
    """Yield the layers as a picture meets them, as long as they are a chain."""
    config = entry["config"]
    if "input_layers" not in config:
        for one in config["layers"]:
            yield from _way_in(one) if _is_model(one) else [one]
        return
    entries = _by_name(config)
    takers: dict[str, list[str]] = {}
    for one in config["layers"]:
        for source in _sources(one):
            takers.setdefault(source, []).append(one.get("name", one["config"].get("name")))
    name = _leaves(config["input_layers"])[0][0]
    for _ in range(len(config["layers"])):
        one = _named(entries, name)
        yield from _way_in(one) if _is_model(one) else [one]
        if len(takers.get(name, [])) != 1:
            return
        name = takers[name][0]


def _is_teachable_machine(entry: Entry) -> bool:
    """Say whether it is as Teachable Machine makes them: body and head are Sequentials."""
    parts = [one for one in entry["config"]["layers"] if one["class_name"] != "InputLayer"]
    if [one["class_name"] for one in (entry, *parts)] != ["Sequential"] * 3:
        return False
    body, head = (
        [one for one in part["config"]["layers"] if one["class_name"] != "InputLayer"]
        for part in parts
    )
    return [one["class_name"] for one in body] == ["Functional", "GlobalAveragePooling2D"] and (
        {one["class_name"] for one in head} == {"Dense"}
    )
