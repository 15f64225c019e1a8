mock_provider "google" {}

variables {
  project        = "some-project"
  project_number = "1234"
  cluster        = { workload_pool = "some-project.svc.id.goog" }
  function       = "onnewimage"
  dead_letters   = "cloud-builds-dead"
  email          = "team@example.com"
}

run "a_rollout_taken_back_is_told_with_its_reason" {
  assert {
    condition = alltrue([
      for event in ["rolled-back", "failed", "permanent"] : strcontains(
        one(one(google_monitoring_alert_policy.rolled_back.conditions).condition_matched_log).filter, "\"${event}\""
      )
    ])
    error_message = "docs/rollout.md says to alert on rolled-back, failed and permanent"
  }
  assert {
    condition = (
      one(one(google_monitoring_alert_policy.rolled_back.conditions).condition_matched_log).label_extractors.reason ==
      "EXTRACT(jsonPayload.reason)"
    )
    error_message = "the mail does not say why"
  }
  assert {
    condition     = length(one(google_monitoring_alert_policy.rolled_back.alert_strategy).notification_rate_limit) == 1
    error_message = "an alert on a log needs a limit of its mails"
  }
}

run "what_is_counted_is_onnewimages_own_log" {
  assert {
    condition = (
      strcontains(google_logging_metric.rolled_back.filter, "resource.labels.service_name=\"onnewimage\"") &&
      strcontains(google_logging_metric.rolled_back.filter, "jsonPayload.event=\"rolled-back\"")
    )
    error_message = "other services' logs are counted too"
  }
}

run "one_dead_letter_is_enough" {
  assert {
    condition = alltrue([
      for condition in google_monitoring_alert_policy.dead_letters.conditions :
      one(condition.condition_threshold).threshold_value == 0 &&
      strcontains(one(condition.condition_threshold).filter, "\"cloud-builds-dead\"")
    ])
    error_message = "a dead letter is not told"
  }
}

run "errors_and_slowness_are_those_of_the_servers_own_metrics" {
  assert {
    condition = keys(google_monitoring_alert_policy.promise) == [
      "PredictionLogFills", "PredictionsNotRecorded", "PredictionsNotSent", "errors", "latency",
    ]
    error_message = "a promise is not watched"
  }
  assert {
    condition = strcontains(
      one(one(google_monitoring_alert_policy.promise["errors"].conditions).condition_prometheus_query_language).query,
      "slipway_http_requests_total{namespace=\"slipway\",status=~\"5..\"}"
    )
    error_message = "errors of another metric are watched"
  }
  assert {
    condition = strcontains(
      one(one(google_monitoring_alert_policy.promise["latency"].conditions).condition_prometheus_query_language).query,
      "slipway_prediction_stage_seconds_bucket"
    )
    error_message = "the time of another metric is watched"
  }
  assert {
    condition = alltrue([
      for policy in google_monitoring_alert_policy.promise :
      one(one(policy.conditions).condition_prometheus_query_language).disable_metric_validation
    ])
    error_message = "before the first pod there are no such metrics, and the apply would fail"
  }
}

run "the_prediction_logs_alerts_are_the_manifests_rules_in_the_servers_namespace" {
  assert {
    condition = (
      one(one(google_monitoring_alert_policy.promise["PredictionsNotRecorded"].conditions).condition_prometheus_query_language).query ==
      "sum by (reason) (increase(slipway_prediction_log_rows_lost_total{namespace=\"slipway\"}[15m])) > 0"
    )
    error_message = "rows that are lost in another namespace are told, or none"
  }
  assert {
    condition = (
      one(one(google_monitoring_alert_policy.promise["PredictionsNotSent"].conditions).condition_prometheus_query_language).query ==
      "max by (sink) (slipway_prediction_log_oldest_waiting_seconds{namespace=\"slipway\"}) > 300"
    )
    error_message = "nobody is told that rows wait"
  }
  assert {
    condition = length(regexall("slipway_\\w+\\{namespace=\"slipway\"\\}",
      one(one(google_monitoring_alert_policy.promise["PredictionLogFills"].conditions).condition_prometheus_query_language).query
    )) == 4
    error_message = "the log of another namespace is watched too"
  }
}

run "of_a_cloud_run_service_they_are_those_of_cloud_runs_metrics" {
  command = plan
  variables {
    cluster = null
    service = { name = "ml-model", region = "europe-west1" }
  }
  assert {
    condition = strcontains(
      one(one(google_monitoring_alert_policy.promise["errors"].conditions).condition_prometheus_query_language).query,
      "run_googleapis_com:request_count{monitored_resource=\"cloud_run_revision\",service_name=\"ml-model\",response_code_class=\"5xx\"}"
    )
    error_message = "errors of another metric are watched, or of the function"
  }
  assert {
    condition = endswith(
      trimspace(one(one(google_monitoring_alert_policy.promise["latency"].conditions).condition_prometheus_query_language).query),
      "> 10000"
    )
    error_message = "Cloud Run counts in milliseconds"
  }
  assert {
    condition     = length(google_project_iam_member.adapter) == 0
    error_message = "there is no autoscaler whose adapter would read metrics"
  }
  assert {
    condition     = startswith(one(google_monitoring_alert_policy.rolled_back.documentation).content, "`gcloud run services describe ml-model ")
    error_message = "people are sent to a cluster"
  }
}

run "a_cluster_and_a_service_at_once_are_refused" {
  command = plan
  variables {
    service = { name = "ml-model", region = "europe-west1" }
  }
  expect_failures = [google_monitoring_alert_policy.rolled_back]
}

run "everything_is_told_to_the_same_person" {
  assert {
    condition = alltrue([
      for policy in concat(
        [google_monitoring_alert_policy.rolled_back, google_monitoring_alert_policy.dead_letters],
        values(google_monitoring_alert_policy.promise),
      ) : one(policy.notification_channels) == google_monitoring_notification_channel.email[0].id
    ])
    error_message = "a policy tells nobody"
  }
}

run "without_an_address_policies_are_there_all_the_same" {
  variables {
    email = null
  }
  assert {
    condition = (
      length(google_monitoring_notification_channel.email) == 0 &&
      keys(output.policies) == [
        "PredictionLogFills", "PredictionsNotRecorded", "PredictionsNotSent", "dead_letters", "errors", "latency", "rolled_back",
      ]
    )
    error_message = "the console would show nothing either"
  }
}

run "the_adapter_may_read_metrics_and_nobody_else" {
  assert {
    condition = (
      google_project_iam_member.adapter[0].role == "roles/monitoring.viewer" &&
      google_project_iam_member.adapter[0].member == join("", [
        "principal://iam.googleapis.com/projects/1234/locations/global/workloadIdentityPools/some-project.svc.id.goog",
        "/subject/ns/custom-metrics/sa/custom-metrics-stackdriver-adapter",
      ])
    )
    error_message = "the adapter is ${google_project_iam_member.adapter[0].member}"
  }
}

run "a_budget_is_told_before_it_is_spent" {
  variables {
    budget = { billing_account = "012345-6789AB-CDEF01", amount = 200 }
  }
  assert {
    condition     = contains([for rule in google_billing_budget.month[0].threshold_rules : rule.threshold_percent], 0.5)
    error_message = "the first mail comes when it is spent"
  }
  assert {
    condition     = toset(one(google_billing_budget.month[0].budget_filter).projects) == toset(["projects/1234"])
    error_message = "other projects' costs are counted"
  }
  assert {
    condition = (
      one(one(google_billing_budget.month[0].all_updates_rule).monitoring_notification_channels) ==
      google_monitoring_notification_channel.email[0].id
    )
    error_message = "the budget is told to administrators alone"
  }
}

run "no_budget_is_made_unasked" {
  assert {
    condition     = length(google_billing_budget.month) == 0
    error_message = "a budget needs a right on the billing account, which not everybody has"
  }
}

run "two_addresses_in_one_are_refused" {
  command = plan
  variables {
    email = "a@example.com, b@example.com"
  }
  expect_failures = [var.email]
}

run "percent_in_place_of_a_part_is_refused" {
  command = plan
  variables {
    most_errors = 2
  }
  expect_failures = [var.most_errors]
}

run "a_latency_that_no_answer_reaches_is_refused" {
  command = plan
  variables {
    most_seconds = 61
  }
  expect_failures = [var.most_seconds]
}

run "a_billing_account_by_its_name_is_refused" {
  command = plan
  variables {
    budget = { billing_account = "My Billing Account", amount = 200 }
  }
  expect_failures = [var.budget]
}
