# What is kept: models, predictions, tokens. Who comes to them from a cluster is in server.tf.

resource "google_storage_bucket" "models" {
  #checkov:skip=CKV_GCP_62:Who reads a model is in Cloud Audit Logs, where they are switched on.
  project                     = var.project
  name                        = "${var.project}-${var.prefix}models"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.is_kept

  # A model by reference means one file by its digest; one that is overwritten can be brought back.
  versioning {
    enabled = true
  }
  lifecycle_rule {
    condition {
      days_since_noncurrent_time = var.old_versions_days
    }
    action {
      type = "Delete"
    }
  }
}

resource "google_bigquery_dataset" "ml_model" {
  #checkov:skip=CKV_GCP_81:Google's own keys.
  project                    = var.project
  dataset_id                 = "${replace(var.prefix, "-", "_")}ml_model"
  location                   = var.region
  description                = "What the server predicted."
  delete_contents_on_destroy = !var.is_kept
}

# The server's tests read the same file: it cannot send a row that does not fit.
resource "google_bigquery_table" "prediction" {
  #checkov:skip=CKV_GCP_80:Google's own keys.
  #checkov:skip=CKV_GCP_121:is_kept says so: on in prod, off where all is to be taken back.
  project             = var.project
  dataset_id          = google_bigquery_dataset.ml_model.dataset_id
  table_id            = "prediction"
  description         = "One row an instance that was found, or a prediction that found none."
  deletion_protection = var.is_kept
  schema              = file("${path.module}/../../../app/records/prediction.schema.json")
  # Most questions are about one model: BigQuery reads the blocks of that one alone.
  clustering = ["model_name", "model_version"]

  time_partitioning {
    type          = "DAY"
    field         = "created_at"
    expiration_ms = var.rows_days == null ? null : var.rows_days * 24 * 3600 * 1000
  }
}

# What turned out to be true of them.
resource "google_bigquery_table" "feedback" {
  #checkov:skip=CKV_GCP_80:Google's own keys.
  #checkov:skip=CKV_GCP_121:is_kept says so: on in prod, off where all is to be taken back.
  project             = var.project
  dataset_id          = google_bigquery_dataset.ml_model.dataset_id
  table_id            = "${google_bigquery_table.prediction.table_id}_feedback"
  description         = "What turned out to be true of a prediction."
  deletion_protection = var.is_kept
  schema              = file("${path.module}/../../../app/records/feedback.schema.json")

  time_partitioning {
    type          = "DAY"
    field         = "created_at"
    expiration_ms = var.rows_days == null ? null : var.rows_days * 24 * 3600 * 1000
  }
}

# Rows are sent at least once; these have each once.
resource "google_bigquery_table" "once" {
  #checkov:skip=CKV_GCP_80:Google's own keys.
  #checkov:skip=CKV_GCP_121:A view holds nothing.
  for_each = {
    (google_bigquery_table.prediction.table_id) = "prediction_id, instance_index"
    (google_bigquery_table.feedback.table_id)   = "prediction_id, request_id"
  }

  project             = var.project
  dataset_id          = google_bigquery_dataset.ml_model.dataset_id
  table_id            = "${each.key}_once"
  description         = "${each.key}, each row once."
  deletion_protection = false

  view {
    query = templatefile("${path.module}/../../../app/records/once.sql", {
      table = "${var.project}.${google_bigquery_dataset.ml_model.dataset_id}.${each.key}"
      key   = each.value
    })
    use_legacy_sql = false
  }
}

# Where tokens go. Their values are added by hand: one that Terraform knew would lie in its state.
resource "google_secret_manager_secret" "token" {
  for_each = {
    SLACK_WEBHOOK_URL = "slack-webhook-url"
    GITHUB_TOKEN      = "github-token"
  }

  project   = var.project
  secret_id = "${var.prefix}${each.value}"
  replication {
    auto {}
  }
}
