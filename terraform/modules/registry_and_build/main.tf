# From a push to an image: the repository of images, who builds, and what starts a build.

locals {
  image = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}/ml-model"
}

resource "google_artifact_registry_repository" "images" {
  #checkov:skip=CKV_GCP_84:Google's own keys.
  project       = var.project
  location      = var.region
  repository_id = "${var.prefix}${var.repository}"
  description   = "Images of ml-model, one a build."
  format        = "DOCKER"
  # What keeps weighs more than what deletes, and neither knows what a cluster runs: that is known by
  # these two tags, which onNewImage moves.
  cleanup_policy_dry_run = false

  cleanup_policies {
    id     = "keep-what-is-live"
    action = "KEEP"
    condition {
      tag_state    = "TAGGED"
      tag_prefixes = ["live", "previous"]
    }
  }
  # Of each image: of ml-model, and of the stage of its packages that the next build begins with.
  cleanup_policies {
    id     = "keep-the-newest"
    action = "KEEP"
    most_recent_versions {
      keep_count = var.keep_newest
    }
  }
  cleanup_policies {
    id     = "delete-the-old"
    action = "DELETE"
    condition {
      tag_state  = "ANY"
      older_than = "${var.keep_days * 24 * 3600}s"
    }
  }
}

resource "google_artifact_registry_repository_iam_member" "reader" {
  for_each = var.readers

  project    = var.project
  location   = var.region
  repository = google_artifact_registry_repository.images.repository_id
  role       = "roles/artifactregistry.reader"
  member     = "serviceAccount:${each.value}"
}

# Builds run as this account, and it may nothing else.
resource "google_service_account" "build" {
  project      = var.project
  account_id   = "${var.prefix}cloud-build"
  display_name = "Builds of ml-model"
}

resource "google_artifact_registry_repository_iam_member" "build" {
  project    = var.project
  location   = var.region
  repository = google_artifact_registry_repository.images.repository_id
  role       = "roles/artifactregistry.writer"
  member     = "serviceAccount:${google_service_account.build.email}"
}

resource "google_project_iam_member" "build_log" {
  project = var.project
  role    = "roles/logging.logWriter"
  member  = "serviceAccount:${google_service_account.build.email}"
}

resource "google_storage_bucket_iam_member" "build_models" {
  bucket = var.models_bucket
  role   = "roles/storage.objectViewer"
  member = "serviceAccount:${google_service_account.build.email}"
}

# A push to the branch. Without a repository that Cloud Build sees there is none yet: connecting is
# a person's consent, by hand, after which this is applied again.
resource "google_cloudbuild_trigger" "push" {
  count = var.github == null && var.connected_repository == null ? 0 : 1

  project         = var.project
  location        = var.build_region
  name            = "${var.prefix}push"
  description     = "Each push to ${var.branch} is built, asked and pushed; onNewImage puts it live."
  filename        = "cloudbuild.yaml"
  service_account = google_service_account.build.id
  substitutions = {
    _REGION          = var.region
    _REPOSITORY      = google_artifact_registry_repository.images.repository_id
    _SERVICE_ACCOUNT = google_service_account.build.account_id
  }

  dynamic "github" {
    for_each = var.github == null ? [] : [var.github]
    content {
      owner = github.value.owner
      name  = github.value.name
      push {
        branch = var.branch
      }
    }
  }
  dynamic "repository_event_config" {
    for_each = var.connected_repository == null ? [] : [var.connected_repository]
    content {
      repository = repository_event_config.value
      push {
        branch = var.branch
      }
    }
  }

  lifecycle {
    precondition {
      condition     = var.github == null || var.connected_repository == null
      error_message = "github and connected_repository: must not both be set; a push would be built twice."
    }
    precondition {
      condition = var.connected_repository == null ? true : strcontains(
        var.connected_repository, "/locations/${var.build_region}/"
      )
      error_message = "build_region = \"${var.build_region}\": must be the region of connected_repository."
    }
  }
  # Pushed to at once, perhaps: then the rights must be there.
  depends_on = [
    google_artifact_registry_repository_iam_member.build,
    google_project_iam_member.build_log,
    google_storage_bucket_iam_member.build_models,
  ]
}
