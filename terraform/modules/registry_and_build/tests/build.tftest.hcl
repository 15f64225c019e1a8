mock_provider "google" {}

variables {
  project       = "some-project"
  region        = "us-central1"
  readers       = {}
  models_bucket = "some-project-models"
}

run "without_a_connected_repository_all_but_the_trigger_is_made" {
  assert {
    condition     = length(google_cloudbuild_trigger.push) == 0 && output.first_build == null
    error_message = "a trigger without a repository cannot be made, and the apply would fail"
  }
}

run "a_build_may_push_here_log_and_read_models_and_nothing_else" {
  assert {
    condition     = google_artifact_registry_repository_iam_member.build.role == "roles/artifactregistry.writer"
    error_message = "the build could not push"
  }
  assert {
    condition     = google_project_iam_member.build_log.role == "roles/logging.logWriter"
    error_message = "the one right in the whole project is to write logs"
  }
  assert {
    condition = (
      google_storage_bucket_iam_member.build_models.role == "roles/storage.objectViewer" &&
      google_storage_bucket_iam_member.build_models.bucket == "some-project-models"
    )
    error_message = "the build brings models from their bucket, and reads no other"
  }
  assert {
    condition = alltrue([
      for right in [
        google_artifact_registry_repository_iam_member.build.member,
        google_project_iam_member.build_log.member,
        google_storage_bucket_iam_member.build_models.member,
      ] : right == "serviceAccount:${google_service_account.build.email}"
    ])
    error_message = "a right is another account's"
  }
}

run "a_push_to_github_is_built_as_this_account_for_this_region" {
  variables {
    github = { owner = "somebody", name = "slipway" }
  }
  assert {
    condition     = one(google_cloudbuild_trigger.push[0].github).owner == "somebody"
    error_message = "another's repository is built"
  }
  assert {
    condition     = one(one(google_cloudbuild_trigger.push[0].github).push).branch == "^main$"
    error_message = "other branches are built"
  }
  assert {
    condition     = google_cloudbuild_trigger.push[0].service_account == google_service_account.build.id
    error_message = "the build would run as the default account"
  }
  assert {
    condition = (
      google_cloudbuild_trigger.push[0].substitutions._REGION == "us-central1" &&
      google_cloudbuild_trigger.push[0].substitutions._REPOSITORY == "slipway" &&
      google_cloudbuild_trigger.push[0].substitutions._SERVICE_ACCOUNT == "cloud-build"
    )
    error_message = "cloudbuild.yaml would push elsewhere, or name another account"
  }
  assert {
    condition     = output.first_build == "gcloud builds triggers run push --project=some-project --region=global --branch=main"
    error_message = "the first build is ${output.first_build}"
  }
}

run "a_connection_of_the_second_generation_is_built_in_its_region" {
  variables {
    connected_repository = "projects/some-project/locations/us-central1/connections/github/repositories/slipway"
    build_region         = "us-central1"
    branch               = "^release/v1.2$"
  }
  assert {
    condition     = endswith(output.first_build, "--region=us-central1 --branch=release/v1.2")
    error_message = "the first build is ${output.first_build}"
  }
  assert {
    condition = (
      one(google_cloudbuild_trigger.push[0].repository_event_config).repository ==
      "projects/some-project/locations/us-central1/connections/github/repositories/slipway"
    )
    error_message = "another repository is built"
  }
  assert {
    condition     = google_cloudbuild_trigger.push[0].location == "us-central1" && output.build_region == "us-central1"
    error_message = "onNewImage would look for builds elsewhere"
  }
}

run "a_connection_in_another_region_is_refused" {
  command = plan
  variables {
    connected_repository = "projects/some-project/locations/us-central1/connections/github/repositories/slipway"
  }
  expect_failures = [google_cloudbuild_trigger.push]
}

run "two_connections_of_one_repository_are_refused" {
  command = plan
  variables {
    github               = { owner = "somebody", name = "slipway" }
    connected_repository = "projects/some-project/locations/us-central1/connections/github/repositories/slipway"
    build_region         = "us-central1"
  }
  expect_failures = [google_cloudbuild_trigger.push]
}

run "a_url_in_place_of_an_id_is_refused" {
  command = plan
  variables {
    connected_repository = "https://github.com/somebody/slipway"
  }
  expect_failures = [var.connected_repository]
}

run "half_a_branch_is_refused" {
  command = plan
  variables {
    branch = "main"
  }
  expect_failures = [var.branch]
}

run "a_zone_to_build_in_is_refused" {
  command = plan
  variables {
    build_region = "us-central1-a"
  }
  expect_failures = [var.build_region]
}
