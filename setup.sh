#!/bin/sh
# Makes .venv with the locked packages and the `slipway` command: ./setup.sh [dev|fetch|xgboost|records|drift|quantize|export]
# Run again, it does nothing unless a lock, pyproject.toml or this file has changed.
# With `fetch`, or where models are in a bucket or by reference, what asks the stores is installed too;
# with `xgboost`, or where a model is a booster, what runs those; with `records`, or where predictions are
# sent to BigQuery or to a bucket, what sends them; with `drift`, `quantize` or `export`, what those
# commands need beside that.
set -eu
cd "$(dirname "$0")"

lock=requirements.txt
[ "${1:-}" = dev ] && lock=requirements-dev.txt

fail() {
    echo "setup: $*" >&2
    exit 1
}

python_version() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo none
}

is_supported() {
    case "$(python_version "$1")" in 3.11 | 3.12 | 3.13) return 0 ;; *) return 1 ;; esac
}

find_python() {
    for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if is_supported "$candidate"; then
            echo "$candidate"
            return
        fi
    done
}

may_install_packages() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null
}

install_package() {
    echo "setup: apt-get install $1"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
        apt-get install -qq -y --no-install-recommends "$1" >/dev/null ||
        fail "apt-get could not install $1"
}

# A venv is of use only here (its scripts hold its path) and only under a supported Python.
is_venv_usable() {
    is_supported .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1 &&
        grep -qF "$PWD/.venv" .venv/bin/activate
}

make_venv() {
    python=$(find_python)
    if [ -z "$python" ] && [ -z "${PYTHON:-}" ] && ! command -v python3 >/dev/null &&
        may_install_packages; then
        install_package python3-venv
        python=$(find_python)
    fi
    [ -n "$python" ] || fail "Python 3.11, 3.12 or 3.13 is needed, and ${PYTHON:-python3} is" \
        "$(python_version "${PYTHON:-python3}"); name another: make setup PYTHON=/path/to/python3.12"
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        package="python$(python_version "$python")-venv"
        may_install_packages || fail "$python has no venv module; as root: apt-get install $package"
        install_package "$package"
    fi
    # A link leads to somebody else's: emptied through it, theirs would be gone.
    [ ! -L .venv ] || rm .venv
    echo "setup: making .venv with Python $(python_version "$python")"
    "$python" -m venv --clear .venv
}

# The locks hold all that is needed: left to look for itself, pip takes an extra's newest release of
# today, which has no hash there, and ends.
install_locked() {
    quiet=--quiet
    [ -t 1 ] && quiet=
    echo "setup: installing $lock into .venv (the first time it fetches about 350 MB)"
    # shellcheck disable=SC2086  # an empty $quiet is no argument
    .venv/bin/python -m pip install $quiet --no-deps --require-hashes --only-binary :all: -r "$lock"
    # shellcheck disable=SC2086
    .venv/bin/python -m pip install $quiet --no-deps --no-build-isolation -e .
}

[ "$(uname -s)" = Linux ] || fail "Slipway runs on Linux; this is $(uname -s)"
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
export PIP_DEFAULT_TIMEOUT="${PIP_DEFAULT_TIMEOUT:-120}" PIP_RETRIES="${PIP_RETRIES:-10}"

stamp_of() { echo ".venv/$1.$(cat setup.sh pyproject.toml "$1" | sha256sum | cut -c1-16).done"; }

models=${MODEL_REPOSITORY:-models}

refers() {
    case $models in *://*) return 0 ;; esac
    grep -Eqs "source[\"']?[[:space:]]*:" "$models"/*.yaml "$models"/*/*/model.yaml
}

has_booster() {
    for booster in "$models"/*/model.bst "$models"/*/*/model.bst "$models"/*/model.ubj \
        "$models"/*/*/model.ubj; do
        [ ! -e "$booster" ] || return 0
    done
    return 1
}

# install_further LOCK WHY: once, beside the set that is there.
install_further() {
    stamp=$(stamp_of "$1")
    [ ! -e "$stamp" ] || return 0
    echo "setup: installing $1 into .venv, for $2"
    .venv/bin/python -m pip install --quiet --no-deps --require-hashes --only-binary :all: -r "$1"
    touch "$stamp"
}

is_venv_usable || make_venv
# The development set contains the runtime set.
[ -e "$(stamp_of "$lock")" ] || [ -e "$(stamp_of requirements-dev.txt)" ] || {
    rm -f .venv/*.done
    install_locked
    touch "$(stamp_of "$lock")"
}
if [ "${1:-}" = fetch ] || refers; then
    install_further requirements-fetch.txt "models in a bucket or by reference"
fi
if [ "${1:-}" = xgboost ] || has_booster; then
    install_further requirements-xgboost.txt "boosters of XGBoost"
fi
sends_on() {
    case ${RECORD_INPUTS_TO:-} in *://*) return 0 ;; esac
    [ -n "${BIGQUERY_TABLE:-}${PREDICTION_SINK:-}" ]
}

if [ "${1:-}" = records ] || sends_on; then
    install_further requirements-records.txt "sending predictions on"
fi
if [ "${1:-}" = drift ]; then
    install_further requirements-drift.txt "drift reports (600 MB on disk)"
fi
if [ "${1:-}" = quantize ]; then
    install_further requirements-quantize.txt "models in eight bits (250 MB on disk)"
fi
if [ "${1:-}" = export ]; then
    install_further requirements-export.txt "models as ONNX (30 MB on disk)"
fi
