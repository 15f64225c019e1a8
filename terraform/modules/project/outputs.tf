output "id" {
  description = "The project's id; whoever takes it from here waits for the APIs."
  value       = var.project
  depends_on  = [google_project_service.api]
}

output "number" {
  description = "The project's number."
  value       = data.google_project.this.number
}

output "pubsub_agent" {
  description = "Pub/Sub's service agent: it moves dead letters, and makes the token of a push."
  value       = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}
