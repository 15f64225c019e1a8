mock_provider "google" {}

variables {
  project       = "some-project"
  region        = "europe-west1"
  readers       = { node = "node@some-project.iam.gserviceaccount.com" }
  models_bucket = "some-project-models"
}

run "what_is_live_and_what_was_before_is_never_deleted" {
  assert {
    condition = anytrue([
      for policy in google_artifact_registry_repository.images.cleanup_policies :
      policy.action == "KEEP" && try(toset(one(policy.condition).tag_prefixes) == toset(["live", "previous"]), false)
    ])
    error_message = "the clean-up could delete what is deployed"
  }
  assert {
    condition = anytrue([
      for policy in google_artifact_registry_repository.images.cleanup_policies :
      policy.action == "KEEP" && try(one(policy.most_recent_versions).keep_count == 20, false)
    ])
    error_message = "the newest images are not kept"
  }
  assert {
    condition = anytrue([
      for policy in google_artifact_registry_repository.images.cleanup_policies :
      policy.action == "DELETE" && try(one(policy.condition).older_than == "2592000s", false)
    ])
    error_message = "the repository grows for ever"
  }
  assert {
    condition     = google_artifact_registry_repository.images.cleanup_policy_dry_run == false
    error_message = "the clean-up is only thought of"
  }
}

run "nodes_may_pull_and_no_more" {
  assert {
    condition = (
      google_artifact_registry_repository_iam_member.reader["node"].role == "roles/artifactregistry.reader" &&
      google_artifact_registry_repository_iam_member.reader["node"].member == "serviceAccount:node@some-project.iam.gserviceaccount.com"
    )
    error_message = "nodes pull nothing, or may more"
  }
}

run "the_image_is_where_the_build_pushes_it" {
  assert {
    condition     = output.image == "europe-west1-docker.pkg.dev/some-project/slipway/ml-model"
    error_message = "the image is ${output.image}"
  }
}

run "with_a_prefix_nothing_meets_another_teams" {
  variables {
    prefix = "team-"
  }
  assert {
    condition     = output.image == "europe-west1-docker.pkg.dev/some-project/team-slipway/ml-model"
    error_message = "the image is ${output.image}"
  }
  assert {
    condition     = google_service_account.build.account_id == "team-cloud-build"
    error_message = "the account is ${google_service_account.build.account_id}"
  }
}

run "a_repository_that_keeps_one_image_is_refused" {
  command = plan
  variables {
    keep_newest = 1
  }
  expect_failures = [var.keep_newest]
}

run "no_days_at_all_are_refused" {
  command = plan
  variables {
    keep_days = 0
  }
  expect_failures = [var.keep_days]
}

run "a_repository_with_a_slash_is_refused" {
  command = plan
  variables {
    repository = "team/slipway"
  }
  expect_failures = [var.repository]
}
