output "image" {
  description = "The image that builds push, without a tag."
  value       = local.image
}

output "repository" {
  description = "The repository's name: _REPOSITORY of cloudbuild.yaml."
  value       = google_artifact_registry_repository.images.repository_id
}

output "build_region" {
  description = "Where builds run: BUILD_REGION of onNewImage."
  value       = var.build_region
}

output "build_service_account" {
  description = "The account that builds run as."
  value       = google_service_account.build.email
}

output "first_build" {
  # A pattern of several branches is nobody's name: which one, the caller has to say.
  description = "The command that builds the newest commit now, as a push would; null where no repository is connected."
  value = one([
    for trigger in google_cloudbuild_trigger.push :
    "gcloud builds triggers run ${trigger.name} --project=${var.project} --region=${var.build_region} --branch=${try(regex("^\\^([\\w./-]+)\\$$", var.branch)[0], "BRANCH")}"
  ])
}
