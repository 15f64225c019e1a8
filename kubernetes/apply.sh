#!/usr/bin/env bash
# Applies an overlay to the cluster that kubectl points to:
#     kubernetes/apply.sh OVERLAY [IMAGE]
# Without IMAGE the one that is live stays, whoever set it; where nothing is live, the overlay's own.
# Only fields that the manifests name are touched; one that somebody else has set differently is a
# conflict, and nothing of that object is changed. A ConfigMap that somebody made with `kubectl create`
# is taken over, and where the overlay names no bucket, no dataset and no table, what is there stays. Ends when
# the new pods serve. Run again, it changes nothing.
#
#   NAMESPACE   where to; by default the overlay's, `slipway`
#   TAKE_OVER   yes: the manifests win in a conflict
#   TIMEOUT_S   how long the new pods may take, by default 600
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
overlay=${1:-}
# overlays/plain is for who names no namespace.
[ "$overlay" = plain ] && NAMESPACE=${NAMESPACE:-default}
namespace=${NAMESPACE:-slipway}
timeout_s=${TIMEOUT_S:-600}

say() { echo "apply: $*" >&2; }
fail() {
    say "$1"
    say "cure: $2"
    exit 1
}

[ -f "$here/overlays/$overlay/kustomization.yaml" ] ||
    fail "there is no overlay '$overlay'" "kubernetes/apply.sh with one of $(ls "$here/overlays" | paste -sd" ")"
command -v kubectl >/dev/null || fail "kubectl is not here" "install it: https://kubernetes.io/docs/tasks/tools"

live=$(kubectl -n "$namespace" get deployment ml-model --ignore-not-found \
    -o 'jsonpath={.spec.template.spec.containers[?(@.name=="ml-model")].image}') ||
    fail "the cluster does not answer" "kubectl config current-context names it; kubectl cluster-info tries it"
image=${2:-$live}

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/kustomization.yaml" <<YAML
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: $namespace
resources: [$(realpath --relative-to "$(realpath "$folder")" "$here/overlays/$overlay")]
YAML
echo "patches:" >>"$folder/kustomization.yaml"
if [ -n "$image" ]; then
    cat >>"$folder/kustomization.yaml" <<YAML
  - target: {kind: Deployment, name: ml-model}
    patch: '[{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "$image"}]'
YAML
fi
named=$(kubectl kustomize "$here/overlays/$overlay") ||
    fail "kustomize cannot render it" "kubectl 1.27 or newer; kubectl version --client says which this is"
for key in gcp_bucket_name bigquery_dataset BIGQUERY_TABLE; do
    there=$(kubectl -n "$namespace" get configmap ml-model-config --ignore-not-found -o "jsonpath={.data.$key}")
    grep -q "^  $key: \"\"$" <<<"$named" || there=
    case $there in
        "" | *[!A-Za-z0-9._:-]*) ;;
        *)
            cat >>"$folder/kustomization.yaml" <<YAML
  - target: {kind: ConfigMap, name: ml-model-config}
    patch: '[{"op": "replace", "path": "/data/$key", "value": "$there"}]'
YAML
            ;;
    esac
done
# A key is mounted where somebody has put one: see components/service-account-key.
if [ -n "$(kubectl -n "$namespace" get secret gcp-service-account-key --ignore-not-found -o name)" ]; then
    say "the Secret gcp-service-account-key is mounted"
    component=$(realpath --relative-to "$(realpath "$folder")" "$here/components/service-account-key")
    echo "components: [$component]" >>"$folder/kustomization.yaml"
fi

say "overlay $overlay, namespace $namespace, image ${image:-as there}"
kubectl kustomize "$folder" >"$folder/manifests" ||
    fail "kustomize cannot render it" "kubectl 1.27 or newer; kubectl version --client says which this is"
settings() {
    kubectl -n "$namespace" get configmap ml-model-config --ignore-not-found -o 'jsonpath={.data}'
}
pods_before=$(kubectl -n "$namespace" get deployment ml-model --ignore-not-found -o 'jsonpath={.spec.template}')
settings_before=$(settings)
managers=$(kubectl -n "$namespace" get configmap ml-model-config --ignore-not-found --show-managed-fields \
    -o 'jsonpath={.metadata.managedFields[*].manager}')
case " $managers " in
    *" manifests "*) ;;
    *" kubectl-create "*)
        say "the ConfigMap ml-model-config, which kubectl create made, is taken over; it held $settings_before"
        awk 'BEGIN { RS = ORS = "---\n" } /(^|\n)kind: ConfigMap\n/' "$folder/manifests" |
            kubectl apply --server-side --field-manager=manifests --force-conflicts -f - >&2 ||
            fail "the ConfigMap cannot be taken over" "kubectl -n $namespace delete configmap ml-model-config"
        ;;
esac
force=()
[ "${TAKE_OVER:-}" = yes ] && force=(--force-conflicts)
kubectl apply --server-side --field-manager=manifests "${force[@]}" -f "$folder/manifests" >&2 ||
    fail "the cluster refuses it" "a field that another has set: leave IMAGE out, so that the live one stays, or TAKE_OVER=yes"

# Pods read their settings at their start only.
pods_after=$(kubectl -n "$namespace" get deployment ml-model -o 'jsonpath={.spec.template}')
if [ -n "$pods_before" ] && [ "$pods_before" = "$pods_after" ] && [ "$settings_before" != "$(settings)" ]; then
    say "the settings are others: the pods are started anew"
    kubectl -n "$namespace" rollout restart deployment/ml-model >&2
fi

if ! kubectl -n "$namespace" rollout status deployment/ml-model --timeout="${timeout_s}s" >&2; then
    say "what the pods say:"
    kubectl -n "$namespace" get pods -l app.kubernetes.io/name=ml-model >&2 || true
    kubectl -n "$namespace" get events --field-selector type=Warning --sort-by=.lastTimestamp 2>/dev/null |
        tail -5 >&2 || true
    kubectl -n "$namespace" logs -l app.kubernetes.io/name=ml-model --tail=5 --prefix >&2 || true
    fail "the new pods are not ready within $timeout_s s; those before them, if any, still serve" \
        "kubectl -n $namespace rollout undo deployment/ml-model, or repair the image and apply it"
fi
