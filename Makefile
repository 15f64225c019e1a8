# Plain verbs. A variable given here, as in `make serve PORT=9000`, is in the command's environment.
bin = .venv/bin
slow = slow or goldens or server or browser or image or cluster

.PHONY: setup serve test test-slow cluster-test lint format bench lock clean
.NOTPARALLEL:

setup: ; @./setup.sh
serve: setup ; @exec $(bin)/slipway serve
test: lint ; $(bin)/pytest -m "not ($(slow))"
# What starts servers waits for what they do in time, so nothing runs beside it.
test-slow: ; @./setup.sh dev && $(bin)/pytest -m "($(slow)) and not (server or image or cluster)" -n 2 --dist loadfile --durations=15 && $(bin)/pytest -m "server and not (image or cluster)" --durations=15
# Most of a rollout is waiting, so four files at once; those that measure under traffic come after.
cluster-test: ; @./setup.sh dev && $(bin)/pytest -m "cluster and not alone" -n 4 --dist loadfile --durations=15 && $(bin)/pytest -m "cluster and alone"
lint: ; @./setup.sh dev && $(bin)/ruff check && $(bin)/ruff format --check && $(bin)/mypy && $(bin)/lint-imports && PYTHONPATH=cloud_function $(bin)/lint-imports --config cloud_function/.importlinter && $(bin)/yamllint --strict . && $(bin)/hadolint Dockerfile && $(bin)/shellcheck -S warning setup.sh .ci/run kubernetes/*.sh
format: ; @./setup.sh dev && $(bin)/ruff check --fix && $(bin)/ruff format
bench: setup ; $(bin)/python -m bench.mask_rcnn
lock: ; @./setup.sh dev && $(bin)/uv pip compile -q pyproject.toml -o requirements.txt && $(bin)/uv pip compile -q pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt && $(bin)/uv pip compile -q cloud_function/requirements.in -c requirements-dev.txt -o cloud_function/requirements.txt
clean: ; rm -rf .venv build slipway.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
