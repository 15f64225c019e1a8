"""Makes a Keras network of an examined file. TensorFlow is imported with this module."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any

from mrcnn.quiet import importing_quietly

with importing_quietly():
    import keras
    import numpy as np
    from keras.src.backend.common import global_state

from app.kinds.image_classifier.examination import Examined
from app.kinds.image_classifier.files import told_of
from app.kinds.image_classifier.filling import fill
from app.kinds.image_classifier.lines import line_of
from app.kinds.image_classifier.older_layers import older_objects
from app.kinds.kind import ModelError

#: Numbers between two layers that one picture may have: 1 GiB of them.
_LARGEST_MAP = 2**28
#: Numbers that a network may need beyond those in the file until the layers are compared.
_FREE_NUMBERS = 2**24


def build(examined: Examined, *, allow_code: bool) -> keras.Model:
    """Return the network with the file's numbers in it; raises ModelError.

    Before memory is taken, the sizes of all that it would need are compared with the file.
    """
    name = examined.file.path.name
    with refusals_told(name, "cannot be rebuilt"), _scopes(allow_code=allow_code):
        with _planning():
            planned = _network(examined.config, examined, allow_code=allow_code)
            _check_sizes(planned, examined)
        network = _network(examined.config, examined, allow_code=allow_code)
    with refusals_told(name, "its numbers do not fit"):
        _fill(network, examined)
    _check_numbers(network, name)
    return network


@contextlib.contextmanager
def _planning() -> Iterator[None]:
    """Have what is built within have no numbers, neither now nor later."""
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        # Keras keeps a list of those, and would fill them all with the next network that it builds.
        global_state.set_global_attribute("uninitialized_variables", [])


def _network(config: dict[str, Any], examined: Examined, *, allow_code: bool) -> keras.Model:
    fresh = _copy(config)
    if "module" in config:
        network = keras.saving.deserialize_keras_object(
            fresh, custom_objects=older_objects(), safe_mode=not allow_code
        )
    else:
        kind = keras.Sequential if config["class_name"] == "Sequential" else keras.Model
        network = kind.from_config(fresh["config"], custom_objects=older_objects())
    if not network.built:
        network.build((None, *examined.frame.shape))
    return network


def _copy(value: Any) -> Any:
    """Return a copy: Keras takes configurations apart while it reads them."""
    if isinstance(value, dict):
        return {key: _copy(inner) for key, inner in value.items()}
    return [_copy(one) for one in value] if isinstance(value, list) else value


@contextlib.contextmanager
def _scopes(*, allow_code: bool) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        stack.enter_context(keras.saving.custom_object_scope(older_objects()))
        if allow_code:
            from keras.src.saving.serialization_lib import SafeModeScope

            stack.enter_context(SafeModeScope(False))
        yield


def _check_sizes(network: keras.Model, examined: Examined) -> None:
    """Raise ModelError where the file holds less than the network needs, or a map is too large."""
    name = examined.file.path.name
    needed = sum(math.prod(variable.shape) for variable in network.variables)
    if needed > 2 * examined.parameters + _FREE_NUMBERS:
        raise ModelError(
            f"{name}: its network has {needed:,} numbers, and the file holds "
            f"{examined.parameters:,}"
        )
    for layer in network._flatten_layers(include_self=False):
        for node in layer._inbound_nodes:
            for tensor in node.output_tensors:
                size = math.prod(side or 1 for side in tensor.shape)
                if size > _LARGEST_MAP:
                    raise ModelError(
                        f"{name}: layer {layer.name} makes {size:,} numbers of one picture; at "
                        f"most {_LARGEST_MAP:,} are accepted"
                    )


def _fill(network: keras.Model, examined: Examined) -> None:
    if not examined.file.is_archive:
        with examined.file.weights() as root, told_of(examined.file.path):
            fill(network, root, examined.file)
        return
    with examined.file.unpacked() as path:
        network.load_weights(path)


def _check_numbers(network: keras.Model, name: str) -> None:
    for variable in network.variables:
        values = np.asarray(variable)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise ModelError(
                f"{name}: {variable.path} holds NaN or infinite numbers: training had diverged "
                f"when it was saved"
            )


@contextlib.contextmanager
def refusals_told(name: str, what: str) -> Iterator[None]:
    """Tell in one line what Keras says against a file."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"{name}: {what}: {line_of(error)}") from error
