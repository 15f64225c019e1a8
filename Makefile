# Plain verbs. A variable given here, as in `make serve PORT=9000`, is in the command's environment.
bin = .venv/bin
slow = bigquery or slow or goldens or server or browser or image or kubectl or cluster or gcs or machine or terraform
# Files at once: those of processor time two, those that mostly wait four.
# In the order of collection: rooms' conftests put what takes longest first.
two = -n 2 --dist loadfile --no-loadscope-reorder
four = -n 4 --dist loadfile --no-loadscope-reorder

.PHONY: setup serve test test-slow test-server cluster-test lint fuzz lock clean
.NOTPARALLEL:

setup: ; @./setup.sh
# A model by reference that cannot be brought keeps no other from being served.
serve: setup ; @$(bin)/slipway fetch || [ $$? -eq 1 ] || exit 2; exec $(bin)/slipway serve
test: lint ; $(bin)/pytest -m "not ($(slow))" $(two)
test-slow: ; @./setup.sh dev && $(bin)/pytest -m "(slow or goldens or browser) and not (server or image or cluster or gcs or machine)" $(two) --durations=15
test-server: ; @./setup.sh dev && $(bin)/pytest -m "server and not (alone or image or cluster)" $(four) --durations=15
cluster-test: ; @./setup.sh dev && $(bin)/pytest -m "(kubectl or cluster or gcs) and not alone" $(four) --durations=15
lint: ; @./setup.sh dev && $(bin)/ruff check && $(bin)/ruff format --check && $(bin)/mypy && $(bin)/lint-imports && PYTHONPATH=cloud_function $(bin)/lint-imports --config cloud_function/.importlinter && $(bin)/yamllint --strict . && $(bin)/hadolint Dockerfile && $(bin)/shellcheck -S warning setup.sh .ci/run kubernetes/*.sh tests/machines/*.sh
# At length, what the tests try a little of, by chance: SLIPWAY_SEED repeats a run.
fuzz: ; @./setup.sh dev && SLIPWAY_FUZZ=20 $(bin)/pytest tests/app/api/hostile -m "slow or server"
lock: ; @./setup.sh dev && $(bin)/uv pip compile -q pyproject.toml -o requirements.txt && $(bin)/uv pip compile -q pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt && printf 'keras\nsetuptools\ntensorflow\ntensorflow-cpu\n' | $(bin)/uv pip compile -q pyproject.toml --excludes /dev/stdin -c requirements.txt -o requirements-without-tensorflow.txt && $(bin)/uv pip compile -q --group pyproject.toml:fetch -c requirements.txt -o requirements-fetch.txt && $(bin)/uv pip compile -q --group pyproject.toml:stores -c requirements-fetch.txt -c requirements.txt -o tests/stores/requirements.txt && $(bin)/uv pip compile -q --group pyproject.toml:xgboost -c requirements.txt -o requirements-xgboost.txt && $(bin)/uv pip compile -q --group pyproject.toml:quantize -c requirements.txt -o requirements-quantize.txt && $(bin)/uv pip compile -q --group pyproject.toml:export -c requirements.txt -o requirements-export.txt && $(bin)/uv pip compile -q --group pyproject.toml:records -c requirements-fetch.txt -c requirements.txt -o requirements-records.txt && $(bin)/uv pip compile -q --group pyproject.toml:drift -c requirements-records.txt -c requirements.txt -o requirements-drift.txt && $(bin)/uv pip compile -q --no-strip-extras cloud_function/requirements.in -c requirements-dev.txt -o cloud_function/requirements.txt && .ci/plain cloud_function/requirements.txt
clean: ; rm -rf .venv build slipway.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
