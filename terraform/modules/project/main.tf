locals {
  always = [
    "artifactregistry",
    "bigquery",
    # By which rows are written.
    "bigquerystorage",
    "cloudbuild",
    "cloudfunctions",
    "cloudresourcemanager",
    "cloudscheduler",
    # cloudbuild.yaml asks for provenance (requestedVerifyOption): without it every build fails.
    "containeranalysis",
    "iam",
    "logging",
    "monitoring",
    "pubsub",
    "run",
    "secretmanager",
    "storage",
  ]
}

resource "google_project_service" "api" {
  for_each = setunion(local.always, var.also)

  project = var.project
  service = "${each.value}.googleapis.com"
  # Others in the project may use it too.
  disable_on_destroy = false
}

# The number, for the names of Google's own service agents.
data "google_project" "this" {
  project_id = var.project
  depends_on = [google_project_service.api]
}
