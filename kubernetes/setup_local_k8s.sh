#!/usr/bin/env bash
# Readies the cluster that kubectl points to for overlays/local: minikube, kind, or any other that is
# yours. It makes the namespace with its security labels, the Secret for Google's APIs where a key is
# given, and minikube's metrics; it looks whether the node is ready, new enough and has room. Run
# again, it changes nothing.
#
#   NAMESPACE      by default slipway
#   GCP_KEY_FILE   a Google service account's key, for the Secret gcp-service-account-key
#   ANY_CLUSTER    yes: also one that looks like production
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
namespace=${NAMESPACE:-slipway}

say() { echo "setup: $*" >&2; }
fail() {
    say "$1"
    say "cure: $2"
    exit 1
}

command -v kubectl >/dev/null || fail "kubectl is not here" "install it: https://kubernetes.io/docs/tasks/tools"
context=$(kubectl config current-context 2>/dev/null) ||
    fail "kubectl points to no cluster" "start one: minikube start, or kind create cluster; or set KUBECONFIG"
case $context in
    gke_* | arn:aws:eks:* | *prod*)
        [ "${ANY_CLUSTER:-}" = yes ] ||
            fail "$context looks like no local cluster" "kubectl config use-context another, or ANY_CLUSTER=yes"
        ;;
esac
kubectl --request-timeout=20s get --raw /readyz >/dev/null ||
    fail "the cluster '$context' does not answer" "start it (minikube start), or choose another: kubectl config use-context"
say "cluster: $context"

minor=$(kubectl get --raw /version | sed -n 's/.*"minor": *"\([0-9]*\).*/\1/p')
[ "${minor:-0}" -ge 30 ] ||
    fail "Kubernetes 1.$minor knows no preStop 'sleep'" "1.30 or newer: minikube start --kubernetes-version=stable"
kubectl wait --for=condition=Ready node --all --timeout=120s >/dev/null ||
    fail "a node is not ready" "kubectl describe node says why"
say "Kubernetes 1.$minor, its nodes are ready"

kubectl auth can-i create deployments.apps -n "$namespace" >/dev/null 2>&1 ||
    fail "you may not create Deployments in $namespace" "ask for the role 'edit' there, or name another NAMESPACE"
# `create` first: who may only use the namespace need not be allowed to make it.
if ! kubectl get namespace "$namespace" >/dev/null 2>&1; then
    kubectl create namespace "$namespace" >/dev/null ||
        fail "the namespace $namespace cannot be made" "have it made, or name another: NAMESPACE"
fi
sed "s/^  name: slipway$/  name: $namespace/" "$here/base/namespace.yaml" |
    kubectl apply --server-side --field-manager=setup -f - >/dev/null ||
    fail "the labels of namespace $namespace cannot be set" "have them set, as kubernetes/base/namespace.yaml has them"
say "namespace $namespace keeps to the pod security standard 'restricted'"

if [ -n "${GCP_KEY_FILE:-}" ]; then
    grep -q '"private_key"' "$GCP_KEY_FILE" 2>/dev/null ||
        fail "GCP_KEY_FILE=$GCP_KEY_FILE: no service account's key" "gcloud iam service-accounts keys create key.json --iam-account=..."
    kubectl -n "$namespace" create secret generic gcp-service-account-key \
        --from-file=key.json="$GCP_KEY_FILE" --dry-run=client -o yaml |
        kubectl apply --server-side --field-manager=setup --force-conflicts -f - >/dev/null
    say "the Secret gcp-service-account-key has the key"
fi

if [ "$context" = minikube ] && command -v minikube >/dev/null; then
    minikube addons enable metrics-server >/dev/null ||
        fail "minikube has no metrics" "minikube addons enable metrics-server"
fi
if kubectl get apiservice v1beta1.metrics.k8s.io >/dev/null 2>&1; then
    say "metrics are there: pods are added by load"
else
    say "no metrics-server: all works, but the number of pods stays as it is"
fi
say "ready; next: kubernetes/run_full_deployment_pipeline.sh"
