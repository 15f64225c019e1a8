# Who is told of what.

locals {
  log      = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${var.function}\""
  channels = google_monitoring_notification_channel.email[*].id

  promises = merge(local.promises_of_cluster, local.promises_of_service)
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
      ${one(concat(local.reason_in_cluster, local.reason_in_service))} The image before serves. The next push is rolled
      out again.
    TEXT
  }

  lifecycle {
    precondition {
      condition     = (var.cluster == null) != (var.service == null)
      error_message = "cluster and service: one of them must be set, and not both."
    }
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
  severity              = try(each.value.severity, "WARNING")
  notification_channels = local.channels

  conditions {
    display_name = each.value.title
    condition_prometheus_query_language {
      query               = each.value.query
      duration            = "300s"
      evaluation_interval = "60s"
      # Before the server has answered once nobody knows these metrics.
      disable_metric_validation = true
    }
  }
  documentation {
    mime_type = "text/markdown"
    content   = each.value.help
  }
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
