# Two forms of one cluster; a change of `mode` makes another cluster. Here is what they share.

locals {
  name = "${var.prefix}slipway"
  made = concat(google_container_cluster.autopilot[*], google_container_cluster.standard[*])
  # Of the whole project's clusters: a Google service account believes the pods of a namespace in it.
  workload_pool = "${var.project}.svc.id.goog"
  scopes        = ["https://www.googleapis.com/auth/cloud-platform"]
}

# Organisations made since May 2024 grant Compute Engine's default account nothing: with it nodes
# would pull no image. What this one reads from is granted where the repository is made.
resource "google_service_account" "node" {
  project      = var.project
  account_id   = "${var.prefix}slipway-node"
  display_name = "Nodes of ${local.name}"
}

resource "google_project_iam_member" "node" {
  project = var.project
  role    = "roles/container.defaultNodeServiceAccount"
  member  = "serviceAccount:${google_service_account.node.email}"
}
