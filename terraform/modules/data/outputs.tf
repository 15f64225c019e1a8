output "models_bucket" {
  description = "The bucket of models: gcp_bucket_name of the manifests."
  value       = google_storage_bucket.models.name
}

output "dataset" {
  description = "The dataset: bigquery_dataset of the manifests."
  value       = google_bigquery_dataset.ml_model.dataset_id
}

output "table" {
  description = "The table of predictions, by its whole name: bigquery_table of the manifests."
  value       = "${var.project}.${google_bigquery_dataset.ml_model.dataset_id}.${google_bigquery_table.prediction.table_id}"
}

output "server_service_account" {
  description = "The account of a cluster's pods: google_service_account of the manifests. Null without a cluster."
  value       = one(google_service_account.server[*].email)
}

output "secrets" {
  description = "The secrets' names, by the setting whose value they hold."
  value       = { for setting, secret in google_secret_manager_secret.token : setting => secret.secret_id }
}

output "put_secrets" {
  description = "The commands that give the secrets their values, from standard input."
  value = [
    for setting, secret in google_secret_manager_secret.token :
    "gcloud secrets versions add ${secret.secret_id} --project=${var.project} --data-file=-"
  ]
}
