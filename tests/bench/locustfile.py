"""What a user of Locust writes: flowers at `/v1` and `/v2`, and pictures at `/predict`."""

import io

from locust import HttpUser, constant, events, task
from PIL import Image

FLOWER = {"sepal_length": 5.0, "sepal_width": 2.0, "petal_length": 3.5, "petal_width": 1.0}
TENSORS = [
    {"name": name, "datatype": "FP64", "shape": [1], "data": [value]}
    for name, value in FLOWER.items()
]
FILE = io.BytesIO()
Image.linear_gradient("L").save(FILE, "PNG")


@events.init.add_listener
def end_with_enough(environment, **_):
    """End the run once all are asked often: so many seconds alone may be too few for one answer."""

    def look(**_):
        answered = [entry.num_requests for entry in environment.stats.entries.values()]
        if len(answered) == len(Visitor.tasks) and min(answered) > 20:
            environment.runner.quit()

    environment.events.request.add_listener(look)


class Visitor(HttpUser):
    wait_time = constant(0.01)

    @task
    def rows(self) -> None:
        path = "/v1/models/iris:predict"
        with self.client.post(path, json={"instances": [FLOWER]}, catch_response=True) as answer:
            if answer.json()["predictions"][0]["predicted_species"] != ["versicolor"]:
                answer.failure(f"another answer: {answer.text}")

    @task
    def tensors(self) -> None:
        self.client.post("/v2/models/iris/infer", json={"inputs": TENSORS})

    @task
    def picture(self) -> None:
        headers = {"Content-Type": "image/png"}
        self.client.post("/predict?model=fashion", data=FILE.getvalue(), headers=headers)
