output "name" {
  description = "The service's name: SERVICE of onNewImage."
  value       = google_cloud_run_v2_service.server.name
}

output "region" {
  description = "The service's region: REGION of onNewImage."
  value       = google_cloud_run_v2_service.server.location
}

output "url" {
  description = "The service's address."
  value       = google_cloud_run_v2_service.server.uri
}

output "service_account" {
  description = "The account that the server runs as, by its whole name: onNewImage has to be allowed to use it."
  value       = google_service_account.server.name
}

output "proxy" {
  description = "The command after which one who may ask finds it at localhost:8080; null where it is closed."
  value = length(var.open_to) == 0 ? null : join(" ", [
    "gcloud run services proxy ${google_cloud_run_v2_service.server.name}",
    "--project=${var.project} --region=${var.region} --port=8080",
  ])
}
