# Who is told of what, and the right that the autoscaler's adapter needs.

locals {
  log      = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${var.service}\""
  channels = google_monitoring_notification_channel.email[*].id

  # Of the server's own metrics, which Managed Prometheus collects.
  promises = {
    errors = {
      title = "ml-model answers with errors"
      query = <<-PROMQL
        sum(rate(slipway_http_requests_total{namespace="${var.namespace}",status=~"5.."}[5m]))
          / sum(rate(slipway_http_requests_total{namespace="${var.namespace}"}[5m]))
          > ${var.most_errors}
      PROMQL
      help  = <<-TEXT
        More than ${var.most_errors * 100} of 100 answers are 5xx. The log says why:
        `kubectl -n ${var.namespace} logs -l app.kubernetes.io/name=ml-model --tail=50`. Where it began with a
        rollout, `python -m rollout rollback` brings the image before.
      TEXT
    }
    latency = {
      title = "ml-model is slow"
      query = <<-PROMQL
        histogram_quantile(0.95, sum by (le, stage) (
          rate(slipway_prediction_stage_seconds_bucket{namespace="${var.namespace}",stage=~"queue|inference"}[5m])
        )) > ${var.most_seconds}
      PROMQL
      help  = <<-TEXT
        5 of 100 pictures wait, or are worked on, for more than ${var.most_seconds} s. Waiting is for more pods:
        `kubectl -n ${var.namespace} describe hpa ml-model` says why there are no more.
      TEXT
    }
  }
}

resource "google_monitoring_notification_channel" "email" {
  count = var.email == null ? 0 : 1

  project      = var.project
  display_name = "${var.prefix}ml-model"
  type         = "email"
  labels       = { email_address = var.email }
}

# For charts. The alert below reads the log itself: it can be made before there is a first entry, and
# its mail has the reason in it.
resource "google_logging_metric" "rolled_back" {
  project     = var.project
  name        = "${var.prefix}onnewimage-rolled-back"
  description = "Rollouts that onNewImage took back."
  filter      = "${local.log} AND jsonPayload.event=\"rolled-back\""

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    labels {
      key        = "target"
      value_type = "STRING"
    }
  }
  label_extractors = { target = "EXTRACT(jsonPayload.target)" }
}

resource "google_monitoring_alert_policy" "rolled_back" {
  project               = var.project
  display_name          = "${var.prefix}onNewImage: a rollout was taken back, or failed"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = local.channels

  conditions {
    display_name = "rolled back, failed, or not tried again"
    condition_matched_log {
      filter = "${local.log} AND jsonPayload.event=(\"rolled-back\" OR \"failed\" OR \"permanent\")"
      label_extractors = {
        target = "EXTRACT(jsonPayload.target)"
        reason = "EXTRACT(jsonPayload.reason)"
      }
    }
  }
  alert_strategy {
    auto_close = "86400s"
    notification_rate_limit {
      period = "300s"
    }
  }
  documentation {
    mime_type = "text/markdown"
    content   = <<-TEXT
      `kubectl -n ${var.namespace} describe deployment ml-model` has the reason, in an Event and in the annotation
      `slipway.dev/reason`. The image before serves. The next push is rolled out again.
    TEXT
  }
}

resource "google_monitoring_alert_policy" "dead_letters" {
  project               = var.project
  display_name          = "${var.prefix}onNewImage: dead letters"
  combiner              = "OR"
  severity              = "ERROR"
  notification_channels = local.channels

  conditions {
    display_name = "a message that nobody could take"
    condition_threshold {
      filter = join(" AND ", [
        "resource.type = \"pubsub_subscription\"",
        "resource.labels.subscription_id = \"${var.dead_letters}\"",
        "metric.type = \"pubsub.googleapis.com/subscription/num_undelivered_messages\"",
      ])
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"
      aggregations {
        alignment_period   = "60s"
        per_series_aligner = "ALIGN_MAX"
      }
    }
  }
  documentation {
    mime_type = "text/markdown"
    content   = <<-TEXT
      `gcloud pubsub subscriptions pull ${var.dead_letters} --limit=10` shows them, and with `--auto-ack` takes them
      away. A build that is lost this way is found by the next `reconcile`, or by `python -m rollout apply BUILD`.
    TEXT
  }
}

resource "google_monitoring_alert_policy" "promise" {
  for_each = local.promises

  project               = var.project
  display_name          = "${var.prefix}${each.value.title}"
  combiner              = "OR"
  severity              = "WARNING"
  notification_channels = local.channels

  conditions {
    display_name = each.value.title
    condition_prometheus_query_language {
      query               = each.value.query
      duration            = "300s"
      evaluation_interval = "60s"
      # Before the first pod has served nobody knows these metrics.
      disable_metric_validation = true
    }
  }
  documentation {
    mime_type = "text/markdown"
    content   = each.value.help
  }
}

# kubernetes/components/in-flight-autoscaling: the adapter reads metrics for the autoscaler, which
# without it cannot scale down either.
resource "google_project_iam_member" "adapter" {
  project = var.project
  role    = "roles/monitoring.viewer"
  member = join("/", [
    "principal://iam.googleapis.com/projects/${var.project_number}/locations/global/workloadIdentityPools",
    var.workload_pool,
    "subject/ns/custom-metrics/sa/custom-metrics-stackdriver-adapter",
  ])
}

resource "google_billing_budget" "month" {
  count = var.budget == null ? 0 : 1

  billing_account = var.budget.billing_account
  display_name    = "${var.prefix}slipway"

  budget_filter {
    projects = ["projects/${var.project_number}"]
  }
  amount {
    specified_amount {
      units = var.budget.amount
    }
  }
  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1]
    content {
      threshold_percent = threshold_rules.value
    }
  }
  # Besides the billing account's own administrators.
  dynamic "all_updates_rule" {
    for_each = length(local.channels) == 0 ? [] : [local.channels]
    content {
      monitoring_notification_channels = all_updates_rule.value
    }
  }
}
