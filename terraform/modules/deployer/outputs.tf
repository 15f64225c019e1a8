output "service_account" {
  description = "The function's account: rollout_service_account of the manifests."
  value       = google_service_account.onnewimage.email
}

output "service" {
  description = "The name of the function and of its Cloud Run service, by which its log is found."
  value       = google_cloudfunctions2_function.onnewimage.name
}

output "target" {
  description = "Where it rolls out to, as the function is told."
  value       = merge(local.on_cluster, local.on_service)
}

output "dead_letters" {
  description = "The subscription that keeps messages that nobody could take."
  value       = google_pubsub_subscription.dead.name
}

output "look_at_dead_letters" {
  description = "The command that shows them, without taking them away."
  value       = "gcloud pubsub subscriptions pull ${google_pubsub_subscription.dead.name} --project=${var.project} --limit=10"
}
