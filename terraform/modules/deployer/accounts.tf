# Three accounts: one to run as, one to be built by, one to be called by. Each may what it must; what
# the function may where it rolls out is in cluster.tf and service.tf.

resource "google_service_account" "onnewimage" {
  project      = var.project
  account_id   = "${var.prefix}onnewimage"
  display_name = "The function onNewImage"
}

# A message is not believed: the build is fetched from Cloud Build's API.
resource "google_project_iam_member" "onnewimage_builds" {
  project = var.project
  role    = "roles/cloudbuild.builds.viewer"
  member  = "serviceAccount:${google_service_account.onnewimage.email}"
}

# To move the tags live and previous, and to see whether an image is still there; not to delete.
resource "google_project_iam_custom_role" "tags" {
  project     = var.project
  role_id     = "${replace(var.prefix, "-", "_")}onNewImageTags"
  title       = "onNewImage's tags"
  description = "Moves tags of images, and looks whether an image exists."
  permissions = [
    "artifactregistry.tags.create",
    "artifactregistry.tags.get",
    "artifactregistry.tags.update",
    "artifactregistry.versions.get",
  ]
}

resource "google_artifact_registry_repository_iam_member" "onnewimage_tags" {
  project    = var.project
  location   = var.region
  repository = var.images_repository
  role       = google_project_iam_custom_role.tags.name
  member     = "serviceAccount:${google_service_account.onnewimage.email}"
}

resource "google_secret_manager_secret_iam_member" "onnewimage" {
  for_each = var.secrets

  project   = var.project
  secret_id = each.value
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${google_service_account.onnewimage.email}"
}

resource "google_service_account" "function_build" {
  project      = var.project
  account_id   = "${var.prefix}onnewimage-build"
  display_name = "Builds of the function onNewImage"
}

resource "google_project_iam_member" "function_build_log" {
  project = var.project
  role    = "roles/logging.logWriter"
  member  = "serviceAccount:${google_service_account.function_build.email}"
}

resource "google_artifact_registry_repository_iam_member" "function_build" {
  project    = var.project
  location   = var.region
  repository = google_artifact_registry_repository.function.repository_id
  role       = "roles/artifactregistry.writer"
  member     = "serviceAccount:${google_service_account.function_build.email}"
}

resource "google_storage_bucket_iam_member" "function_build" {
  bucket = google_storage_bucket.code.name
  role   = "roles/storage.objectViewer"
  member = "serviceAccount:${google_service_account.function_build.email}"
}

# Cloud Functions copies the code to a bucket of its own, which it makes at the first deployment.
resource "google_project_iam_member" "function_build_sources" {
  project = var.project
  role    = "roles/storage.objectViewer"
  member  = "serviceAccount:${google_service_account.function_build.email}"

  condition {
    title      = "only what Cloud Functions copied"
    expression = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-\")"
  }
}

resource "google_service_account" "push" {
  project      = var.project
  account_id   = "${var.prefix}onnewimage-push"
  display_name = "Pub/Sub, when it calls onNewImage"
}

# On this one service, not in the project.
resource "google_cloud_run_v2_service_iam_member" "push" {
  project  = var.project
  location = var.region
  name     = google_cloudfunctions2_function.onnewimage.name
  role     = "roles/run.invoker"
  member   = "serviceAccount:${google_service_account.push.email}"
}

# Pub/Sub makes the token that the push brings along.
resource "google_service_account_iam_member" "push_token" {
  service_account_id = google_service_account.push.name
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = var.pubsub_agent
}
