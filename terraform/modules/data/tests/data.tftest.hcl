mock_provider "google" {}

variables {
  project       = "some-project"
  region        = "europe-west1"
  workload_pool = "some-project.svc.id.goog"
}

override_resource {
  target = google_service_account.server
  values = {
    email = "ml-model@some-project.iam.gserviceaccount.com"
    id    = "projects/some-project/serviceAccounts/ml-model@some-project.iam.gserviceaccount.com"
    name  = "projects/some-project/serviceAccounts/ml-model@some-project.iam.gserviceaccount.com"
  }
}

run "a_model_that_was_overwritten_can_be_brought_back" {
  assert {
    condition     = one(google_storage_bucket.models.versioning).enabled
    error_message = "an overwritten model is gone"
  }
  assert {
    condition = alltrue([
      for rule in google_storage_bucket.models.lifecycle_rule :
      one(rule.condition).days_since_noncurrent_time == 30 && one(rule.action).type == "Delete"
    ])
    error_message = "old versions are paid for for ever, or the live one is deleted"
  }
}

run "no_model_is_for_the_public" {
  assert {
    condition = (
      google_storage_bucket.models.public_access_prevention == "enforced" &&
      google_storage_bucket.models.uniform_bucket_level_access
    )
    error_message = "somebody could make a model public"
  }
}

run "the_tables_columns_are_those_of_the_schema_file" {
  assert {
    condition     = google_bigquery_table.prediction.schema == file("../../../app/records/prediction.schema.json")
    error_message = "the table has other columns than the file"
  }
  assert {
    condition = [for column in jsondecode(google_bigquery_table.prediction.schema) : "${column.name} ${column.type} ${column.mode}"] == [
      "prediction_id STRING REQUIRED",
      "model_version STRING REQUIRED",
      "input_shape STRING REQUIRED",
      "predicted_class INTEGER REQUIRED",
      "class_probabilities FLOAT REPEATED",
      "created_at TIMESTAMP REQUIRED",
      "processing_time_ms FLOAT REQUIRED",
      "model_name STRING NULLABLE",
      "request_id STRING NULLABLE",
      "instance_index INTEGER NULLABLE",
      "brightness FLOAT NULLABLE",
    ]
    error_message = "the columns are not those that users know"
  }
  assert {
    condition     = one(google_bigquery_table.prediction.time_partitioning).field == "created_at"
    error_message = "a question about one day would read, and pay for, all days"
  }
  assert {
    condition     = google_bigquery_table.prediction.clustering == tolist(["model_name", "model_version"])
    error_message = "a question about one model would read, and pay for, all models"
  }
}

run "what_was_sent_twice_is_seen_once" {
  assert {
    condition = [for name, view in google_bigquery_table.once : view.table_id] == [
      "prediction_once", "prediction_feedback_once",
    ]
    error_message = "a table has no view of each row once"
  }
  assert {
    condition = strcontains(
      one(google_bigquery_table.once["prediction"].view).query,
      "FROM `some-project.ml_model.prediction`\nWHERE TRUE\nQUALIFY ROW_NUMBER() OVER (PARTITION BY prediction_id, instance_index, created_at) = 1",
    )
    error_message = "the view asks another table, or counts rows that are the same as different ones"
  }
}

run "what_turned_out_to_be_true_has_a_table_beside_that_of_predictions" {
  assert {
    condition = (
      google_bigquery_table.feedback.table_id == "prediction_feedback" &&
      google_bigquery_table.feedback.schema == file("../../../app/records/feedback.schema.json")
    )
    error_message = "the server sends feedback to another table, or in other columns"
  }
}

run "nothing_is_deleted_by_mistake" {
  assert {
    condition = (
      google_bigquery_table.prediction.deletion_protection &&
      google_bigquery_table.feedback.deletion_protection &&
      !google_bigquery_dataset.ml_model.delete_contents_on_destroy &&
      !google_storage_bucket.models.force_destroy
    )
    error_message = "one destroy, and models or predictions are gone"
  }
}

run "a_trial_can_be_taken_back_whole" {
  variables {
    is_kept = false
  }
  assert {
    condition = (
      !google_bigquery_table.prediction.deletion_protection &&
      google_bigquery_dataset.ml_model.delete_contents_on_destroy &&
      google_storage_bucket.models.force_destroy
    )
    error_message = "destroy would stop half-way"
  }
}

run "only_pods_of_ml_model_act_as_the_server" {
  assert {
    condition = (
      google_service_account_iam_member.server[0].role == "roles/iam.workloadIdentityUser" &&
      google_service_account_iam_member.server[0].member == "serviceAccount:some-project.svc.id.goog[slipway/ml-model]"
    )
    error_message = "other pods are believed, or none"
  }
}

run "the_server_reads_models_and_writes_rows" {
  assert {
    condition = (
      google_storage_bucket_iam_member.server[0].role == "roles/storage.objectViewer" &&
      google_storage_bucket_iam_member.server[0].bucket == "some-project-models"
    )
    error_message = "the server cannot read models, or could change them"
  }
  assert {
    condition = (
      google_bigquery_dataset_iam_member.server[0].role == "roles/bigquery.dataEditor" &&
      google_bigquery_dataset_iam_member.server[0].dataset_id == "ml_model"
    )
    error_message = "the server cannot write rows"
  }
}

run "without_a_cluster_there_is_no_account_for_pods" {
  command = plan
  variables {
    workload_pool = null
  }
  assert {
    condition = (
      output.server_service_account == null &&
      length(google_storage_bucket_iam_member.server) == 0 &&
      length(google_bigquery_dataset_iam_member.server) == 0
    )
    error_message = "an account that nobody acts as could read models"
  }
}

run "secrets_are_places_without_values" {
  assert {
    condition     = keys(output.secrets) == ["GITHUB_TOKEN", "SLACK_WEBHOOK_URL"]
    error_message = "a token has no place"
  }
}

run "rows_are_kept_as_long_as_asked" {
  variables {
    rows_days = 90
  }
  assert {
    condition     = one(google_bigquery_table.prediction.time_partitioning).expiration_ms == 7776000000
    error_message = "90 days are 7,776,000,000 ms"
  }
}

run "a_prefix_is_a_valid_datasets_name_too" {
  variables {
    prefix = "team-"
  }
  assert {
    condition     = output.dataset == "team_ml_model" && output.models_bucket == "some-project-team-models"
    error_message = "the dataset is ${output.dataset}"
  }
}

run "a_pool_that_is_none_is_refused" {
  command = plan
  variables {
    workload_pool = "some-project"
  }
  expect_failures = [var.workload_pool]
}

run "a_namespace_that_cannot_be_is_refused" {
  command = plan
  variables {
    namespace = "Slipway"
  }
  expect_failures = [var.namespace]
}

run "no_days_at_all_are_refused" {
  command = plan
  variables {
    rows_days         = 0
    old_versions_days = 0
  }
  expect_failures = [var.rows_days, var.old_versions_days]
}
