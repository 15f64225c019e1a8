"""MLServer's runtimes for the two models, as its documentation has one write them."""

import json

import numpy as np
from mlserver import MLModel
from mlserver.codecs import Base64Codec, NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from bench.peers import models


class Iris(MLModel):
    async def load(self) -> bool:
        self._iris = models.Iris()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        columns = {one.name: NumpyCodec.decode_input(one).ravel() for one in payload.inputs}
        found = self._iris.columns(columns)
        species = [name for (name,) in found["predicted_species"]]
        outputs = [
            StringCodec.encode_output("predicted_species", species),
            NumpyCodec.encode_output("species_probs", np.array(found["species_probs"])),
        ]
        return InferenceResponse(model_name=self.name, outputs=outputs)


class Fashion(MLModel):
    async def load(self) -> bool:
        self._fashion = models.Fashion()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        found = self._fashion.files(Base64Codec.decode_input(payload.inputs[0]))
        output = StringCodec.encode_output("predictions", [json.dumps(one) for one in found])
        return InferenceResponse(model_name=self.name, outputs=[output])
