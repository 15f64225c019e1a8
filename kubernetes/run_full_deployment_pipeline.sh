#!/usr/bin/env bash
# From the model to an answer, on the cluster that kubectl points to: takes the models that lie in
# models/ (the demo model, if nobody has put others there), builds the image, brings it to the
# cluster, deploys it, sends a photo and prints the answer (on standard output, all else on standard
# error). Run again with nothing changed, it deploys nothing. It stops at the first error.
#
#   REGISTRY    push to it (host:port/folder); without, minikube or kind is handed the image
#   BUILDER     docker, podman or a command that is used alike; by default the one there is
#   PHOTO       the photo to send; by default a sample of the demo model
#   OVERLAY     by default local
#   RECORDS     yes: the image has what sends predictions on; by default in all overlays but local
#   NAMESPACE, TAKE_OVER, TIMEOUT_S, GCP_KEY_FILE, ANY_CLUSTER: see apply.sh and setup_local_k8s.sh
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
export NAMESPACE=${NAMESPACE:-slipway}
photo=${PHOTO:-$root/models/shapes/1/samples/scene-500.png}
forwarding=

say() { echo "pipeline: $*" >&2; }
fail() {
    say "$1"
    say "cure: $2"
    exit 1
}
trap '[ -z "$forwarding" ] || kill "$forwarding" 2>/dev/null || true' EXIT

find_builder() {
    local candidate
    for candidate in ${BUILDER:-docker podman}; do
        if command -v "$candidate" >/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    fail "nothing here builds images" "install docker or podman, or name a command: BUILDER"
}

build() {
    say "1/5 the models: $(cd "$root/models" && find . -name '*.h5' -printf '%P ')"
    [ -n "$(find "$root/models" -name '*.h5')" ] || fail "models/ holds no model" "copy an .h5 into it"
    [ -r "$photo" ] || fail "PHOTO=$photo cannot be read" "name a photo that is there"
    say "2/5 build"
    local records=${RECORDS-} with=()
    [ "${OVERLAY:-local}" = local ] || records=${RECORDS-yes}
    [ -z "$records" ] || with=(--build-arg RECORDS=yes)
    "$builder" build "${with[@]}" -t slipway/ml-model:built "$root" >&2 ||
        fail "the image does not build" "the lines above say where; docs/image.md says what it needs"
    # The tag is the image's own id: a second run finds it deployed already.
    local id
    id=$("$builder" inspect --format '{{.Id}}' slipway/ml-model:built)
    id=${id#sha256:}
    image=${REGISTRY:+$REGISTRY/}slipway/ml-model:${id:0:12}
    "$builder" tag slipway/ml-model:built "$image"
}

deliver() {
    local context
    context=$(kubectl config current-context)
    if [ -n "${REGISTRY:-}" ]; then
        say "3/5 push $image"
        "$builder" push "$image" >&2 ||
            fail "$REGISTRY does not take the image" "docker login, or start it: docker run -d -p 5000:5000 registry:2"
    elif [ "$context" = minikube ]; then
        say "3/5 hand $image to minikube"
        minikube image load "$image" || fail "minikube does not take the image" "minikube status; or push to a REGISTRY"
    elif [ "${context#kind-}" != "$context" ]; then
        say "3/5 hand $image to kind"
        kind load docker-image --name "${context#kind-}" "$image" >&2 ||
            fail "kind does not take the image" "kind get clusters; or push to a REGISTRY"
    else
        fail "the cluster '$context' cannot be handed an image" "name a registry that it pulls from: REGISTRY"
    fi
}

answers() { curl -sf -m 5 -o /dev/null "$1/readyz"; }

# The NodePort on this machine, then on the node, then a tunnel: one of them works everywhere.
find_url() {
    local port address
    port=$(kubectl -n "$NAMESPACE" get service ml-model -o 'jsonpath={.spec.ports[0].nodePort}')
    address=$(kubectl get node -o 'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}')
    for url in ${port:+"http://127.0.0.1:$port" "http://$address:$port"}; do
        if answers "$url"; then return; fi
    done
    local told
    told=$(mktemp)
    kubectl -n "$NAMESPACE" port-forward service/ml-model :80 >"$told" 2>/dev/null &
    forwarding=$!
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        sleep 1
        url=http://127.0.0.1:$(sed -n 's/^Forwarding from 127.0.0.1:\([0-9]*\).*/\1/p' "$told")
        if answers "$url"; then break; fi
    done
    rm -f "$told"
    answers "$url" || fail "the Service cannot be reached" "kubectl -n $NAMESPACE port-forward service/ml-model 8080:80"
}

predict() {
    find_url
    say "5/5 predict: $photo at $url/predict"
    curl -sS --fail-with-body -m 120 -F "image=@$photo" "$url/predict?masks=none" ||
        fail "no prediction" "kubectl -n $NAMESPACE logs -l app.kubernetes.io/name=ml-model --tail=20"
}

builder=$(find_builder)
command -v curl >/dev/null || fail "curl is not here" "install it with the system's package manager"
"$here/setup_local_k8s.sh"
build
deliver
say "4/5 deploy"
"$here/apply.sh" "${OVERLAY:-local}" "$image"
predict
say "done: it answers at $url"
