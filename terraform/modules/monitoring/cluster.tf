# What is promised where the server is in a cluster, and the right that its autoscaler's adapter needs.

locals {
  reason_in_cluster = var.cluster == null ? [] : [join(" ", [
    "`kubectl -n ${var.cluster.namespace} describe deployment ml-model` has the reason, in an Event and in the",
    "annotation `slipway.dev/reason`.",
  ])]

  # Of the prediction log: the manifests' own rules, for the server's namespace.
  rules = yamldecode(file("${path.module}/../../../kubernetes/components/monitoring/rules.yaml")).spec.groups[0].rules

  # Of the server's own metrics, which Managed Prometheus collects.
  promises_of_cluster = var.cluster == null ? {} : merge(local.promises_of_log, {
    errors = {
      title = "ml-model answers with errors"
      query = <<-PROMQL
        sum(rate(slipway_http_requests_total{namespace="${var.cluster.namespace}",status=~"5.."}[5m]))
          / sum(rate(slipway_http_requests_total{namespace="${var.cluster.namespace}"}[5m]))
          > ${var.most_errors}
      PROMQL
      help  = <<-TEXT
        More than ${var.most_errors * 100} of 100 answers are 5xx. The log says why:
        `kubectl -n ${var.cluster.namespace} logs -l app.kubernetes.io/name=ml-model --tail=50`. Where it began with a
        rollout, `python -m rollout rollback` brings the image before.
      TEXT
    }
    latency = {
      title = "ml-model is slow"
      query = <<-PROMQL
        histogram_quantile(0.95, sum by (le, stage) (
          rate(slipway_prediction_stage_seconds_bucket{namespace="${var.cluster.namespace}",stage=~"queue|inference"}[5m])
        )) > ${var.most_seconds}
      PROMQL
      help  = <<-TEXT
        5 of 100 pictures wait, or are worked on, for more than ${var.most_seconds} s. Waiting is for more pods:
        `kubectl -n ${var.cluster.namespace} describe hpa ml-model` says why there are no more.
      TEXT
    }
  })
  promises_of_log = var.cluster == null ? {} : {
    for rule in local.rules : rule.alert => {
      title    = "ml-model: ${rule.annotations.summary}"
      severity = upper(rule.labels.severity)
      query    = replace(rule.expr, "/(slipway_[a-z_]+)/", "$1{namespace=\"${var.cluster.namespace}\"}")
      help     = rule.annotations.description
    }
  }
}

# kubernetes/components/in-flight-autoscaling: the adapter reads metrics for the autoscaler, which
# without it cannot scale down either.
resource "google_project_iam_member" "adapter" {
  count = var.cluster == null ? 0 : 1

  project = var.project
  role    = "roles/monitoring.viewer"
  member = join("/", [
    "principal://iam.googleapis.com/projects/${var.project_number}/locations/global/workloadIdentityPools",
    var.cluster.workload_pool,
    "subject/ns/custom-metrics/sa/custom-metrics-stackdriver-adapter",
  ])
}
