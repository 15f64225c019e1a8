output "name" {
  description = "The cluster's name."
  value       = one(local.made[*].name)
}

output "location" {
  description = "The cluster's region or zone: ZONE of onNewImage."
  value       = one(local.made[*].location)
}

output "node_service_account" {
  description = "The account of the nodes, which pulls images."
  value       = google_service_account.node.email
}

output "workload_pool" {
  description = "The pool of Workload Identity. Whoever takes it from here waits for the cluster, with which it begins to exist."
  value       = local.workload_pool
  depends_on  = [google_container_cluster.autopilot, google_container_cluster.standard]
}

output "get_credentials" {
  description = "The command after which kubectl talks to this cluster."
  value = join(" ", [
    "gcloud container clusters get-credentials ${one(local.made[*].name)}",
    "--project=${var.project} --location=${one(local.made[*].location)} --dns-endpoint",
  ])
}
