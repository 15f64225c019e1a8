# Where the function rolls out to a Cloud Run service: what it is told, and what it may.

locals {
  on_service = var.service == null ? {} : {
    SERVICE = var.service.name
    REGION  = var.service.region
    # Said, since the service begins with a placeholder, whose repository is not ours.
    IMAGE_REPOSITORY = var.service.image
  }
}

# On this one service, not in the project. Neither to make one nor to delete it, nor to say who may
# ask it.
resource "google_project_iam_custom_role" "service" {
  count = var.service == null ? 0 : 1

  project     = var.project
  role_id     = "${replace(var.prefix, "-", "_")}onNewImageService"
  title       = "onNewImage's service"
  description = "Sets the image of a Cloud Run service, and sees how its revisions are."
  permissions = [
    "run.revisions.get",
    "run.revisions.list",
    "run.services.get",
    "run.services.update",
  ]
}

resource "google_cloud_run_v2_service_iam_member" "onnewimage" {
  count = var.service == null ? 0 : 1

  project  = var.project
  location = var.service.region
  name     = var.service.name
  role     = google_project_iam_custom_role.service[0].name
  member   = "serviceAccount:${google_service_account.onnewimage.email}"
}

# Cloud Run asks of whoever sets an image that he may use the account that the service runs as, and
# may read the image.
resource "google_service_account_iam_member" "onnewimage_runs_as" {
  count = var.service == null ? 0 : 1

  service_account_id = var.service.service_account
  role               = "roles/iam.serviceAccountUser"
  member             = "serviceAccount:${google_service_account.onnewimage.email}"
}

resource "google_artifact_registry_repository_iam_member" "onnewimage_reads" {
  count = var.service == null ? 0 : 1

  project    = var.project
  location   = var.region
  repository = var.images_repository
  role       = "roles/artifactregistry.reader"
  member     = "serviceAccount:${google_service_account.onnewimage.email}"
}
