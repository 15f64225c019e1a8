# The account with which a cluster's pods come to what is kept. Without a cluster there is none: a
# Cloud Run service has an account of its own, and its models in its image.

locals {
  pods = var.workload_pool == null ? 0 : 1
}

# Pods of ml-model act as it, without a key.
resource "google_service_account" "server" {
  count = local.pods

  project      = var.project
  account_id   = "${var.prefix}ml-model"
  display_name = "The server ml-model"
}

resource "google_service_account_iam_member" "server" {
  count = local.pods

  service_account_id = google_service_account.server[0].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${var.workload_pool}[${var.namespace}/ml-model]"
}

resource "google_storage_bucket_iam_member" "server" {
  count = local.pods

  bucket = google_storage_bucket.models.name
  role   = "roles/storage.objectViewer"
  member = "serviceAccount:${google_service_account.server[0].email}"
}

resource "google_bigquery_dataset_iam_member" "server" {
  count = local.pods

  project    = var.project
  dataset_id = google_bigquery_dataset.ml_model.dataset_id
  role       = "roles/bigquery.dataEditor"
  member     = "serviceAccount:${google_service_account.server[0].email}"
}
