# The function onNewImage: its code, its accounts, the service that it runs as.

locals {
  # What the function's .gcloudignore lets through. Named here, so that what a run leaves beside it,
  # such as __pycache__, makes no other archive and no second deployment.
  files = setunion(
    ["main.py", "requirements.txt"],
    fileset(var.source_folder, "rollout/**/*.py"),
  )
  contents = { for file in local.files : file => filesha256("${var.source_folder}/${file}") }
  version  = substr(sha256(jsonencode(local.contents)), 0, 16)

  environment = merge(
    var.settings,
    local.on_cluster,
    local.on_service,
    {
      PROJECT      = var.project
      BUILD_REGION = var.build_region
      # The clean-up policy of the images keeps these two tags.
      IMAGE_TAGS = "1"
    },
    length(var.targets) == 0 ? {} : { TARGETS = jsonencode(var.targets) },
  )
}

data "archive_file" "code" {
  type             = "zip"
  output_path      = "${path.root}/.terraform/onnewimage-${local.version}.zip"
  output_file_mode = "0644"

  dynamic "source" {
    for_each = local.files
    content {
      filename = source.value
      content  = file("${var.source_folder}/${source.value}")
    }
  }
}

resource "google_storage_bucket" "code" {
  #checkov:skip=CKV_GCP_62:Who reads the code is in Cloud Audit Logs.
  #checkov:skip=CKV_GCP_78:An object's name has its contents' digest: none is ever overwritten.
  project                     = var.project
  name                        = "${var.project}-${var.prefix}onnewimage"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  # It holds what this checkout can make again.
  force_destroy = true
}

resource "google_storage_bucket_object" "code" {
  bucket = google_storage_bucket.code.name
  name   = "onnewimage-${local.version}.zip"
  source = data.archive_file.code.output_path
}

# The images that Cloud Functions builds of the code: apart from those of ml-model, so that its
# builder cannot write there, and the clean-up there knows of no function.
resource "google_artifact_registry_repository" "function" {
  #checkov:skip=CKV_GCP_84:Google's own keys.
  project       = var.project
  location      = var.region
  repository_id = "${var.prefix}onnewimage"
  description   = "The function's own images."
  format        = "DOCKER"

  cleanup_policies {
    id     = "keep-the-newest"
    action = "KEEP"
    most_recent_versions {
      keep_count = 3
    }
  }
  cleanup_policies {
    id     = "delete-the-old"
    action = "DELETE"
    condition {
      tag_state  = "ANY"
      older_than = "604800s"
    }
  }
}

resource "google_cloudfunctions2_function" "onnewimage" {
  project     = var.project
  location    = var.region
  name        = "${var.prefix}onnewimage"
  description = "Puts the image of a finished build live, by its digest, or the old one back."

  build_config {
    runtime           = "python312"
    entry_point       = "onNewImage"
    service_account   = google_service_account.function_build.id
    docker_repository = google_artifact_registry_repository.function.id
    source {
      storage_source {
        bucket = google_storage_bucket.code.name
        object = google_storage_bucket_object.code.name
      }
    }
  }

  # No event_trigger: Eventarc's own subscription waits 10 s for an answer and has no dead letters,
  # and neither can be set. The subscription is in messages.tf.
  service_config {
    service_account_email            = google_service_account.onnewimage.email
    available_memory                 = "512Mi"
    timeout_seconds                  = 540
    max_instance_count               = var.max_instances
    max_instance_request_concurrency = 1
    ingress_settings                 = "ALLOW_INTERNAL_ONLY"
    all_traffic_on_latest_revision   = true
    environment_variables            = local.environment

    dynamic "secret_environment_variables" {
      for_each = var.secrets
      content {
        key        = secret_environment_variables.key
        project_id = var.project
        secret     = secret_environment_variables.value
        version    = "latest"
      }
    }
  }

  lifecycle {
    precondition {
      condition     = (var.cluster == null) != (var.service == null)
      error_message = "cluster and service: one of them must be set, and not both."
    }
    precondition {
      condition     = length(setintersection(keys(var.settings), keys(local.on_service))) == 0
      error_message = "settings = ${jsonencode(keys(var.settings))}: what the service tells must not be here."
    }
  }
  # A right takes a minute or two until it counts. These are granted while a cluster is made, which
  # takes longer, and whose name is above. Without one the first apply may be too quick: again.
  depends_on = [
    google_artifact_registry_repository_iam_member.function_build,
    google_project_iam_member.function_build_log,
    google_project_iam_member.function_build_sources,
    google_secret_manager_secret_iam_member.onnewimage,
    google_storage_bucket_iam_member.function_build,
  ]
}
