# Where the function rolls out to a Deployment of a cluster: what it is told, and what it may.

locals {
  on_cluster = var.cluster == null ? {} : {
    ZONE       = var.cluster.location
    CLUSTER    = var.cluster.name
    NAMESPACE  = var.cluster.namespace
    DEPLOYMENT = var.cluster.deployment
  }
}

# To come to the cluster's API server; what it may do there is in
# kubernetes/base/onnewimage-rbac.yaml.
resource "google_project_iam_custom_role" "onnewimage" {
  count = var.cluster == null ? 0 : 1

  project     = var.project
  role_id     = "${replace(var.prefix, "-", "_")}onNewImage"
  title       = "onNewImage"
  description = "Finds the cluster and comes to its API server."
  permissions = ["container.clusters.connect", "container.clusters.get"]
}

resource "google_project_iam_member" "onnewimage_cluster" {
  count = var.cluster == null ? 0 : 1

  project = var.project
  role    = google_project_iam_custom_role.onnewimage[0].name
  member  = "serviceAccount:${google_service_account.onnewimage.email}"
}
