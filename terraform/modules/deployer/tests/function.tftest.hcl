mock_provider "archive" {}
mock_provider "google" {}

variables {
  project           = "some-project"
  region            = "europe-west1"
  pubsub_agent      = "serviceAccount:agent@example.com"
  source_folder     = "../../../cloud_function"
  cluster           = { name = "slipway", location = "europe-west1" }
  images_repository = "slipway"
}

override_resource {
  target = google_service_account.onnewimage
  values = {
    email = "onnewimage@some-project.iam.gserviceaccount.com"
    id    = "projects/some-project/serviceAccounts/onnewimage@some-project.iam.gserviceaccount.com"
    name  = "projects/some-project/serviceAccounts/onnewimage@some-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.function_build
  values = {
    email = "onnewimage-build@some-project.iam.gserviceaccount.com"
    id    = "projects/some-project/serviceAccounts/onnewimage-build@some-project.iam.gserviceaccount.com"
    name  = "projects/some-project/serviceAccounts/onnewimage-build@some-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.push
  values = {
    email = "onnewimage-push@some-project.iam.gserviceaccount.com"
    id    = "projects/some-project/serviceAccounts/onnewimage-push@some-project.iam.gserviceaccount.com"
    name  = "projects/some-project/serviceAccounts/onnewimage-push@some-project.iam.gserviceaccount.com"
  }
}

run "it_is_told_what_docs_rollout_md_says_that_it_needs" {
  assert {
    condition = one(google_cloudfunctions2_function.onnewimage.service_config).environment_variables == tomap({
      PROJECT      = "some-project"
      ZONE         = "europe-west1"
      CLUSTER      = "slipway"
      NAMESPACE    = "slipway"
      DEPLOYMENT   = "ml-model"
      BUILD_REGION = "global"
      IMAGE_TAGS   = "1"
    })
    error_message = "the function's environment is another"
  }
}

run "it_has_what_a_watch_takes_and_no_part_of_eventarc" {
  assert {
    condition = (
      one(google_cloudfunctions2_function.onnewimage.service_config).timeout_seconds == 540 &&
      one(google_cloudfunctions2_function.onnewimage.service_config).available_memory == "512Mi"
    )
    error_message = "a watch of 480 s would be cut off"
  }
  assert {
    condition = (
      one(google_cloudfunctions2_function.onnewimage.service_config).max_instance_count == 5 &&
      one(google_cloudfunctions2_function.onnewimage.service_config).max_instance_request_concurrency == 1
    )
    error_message = "a hundred messages would be a hundred instances"
  }
  assert {
    condition     = one(google_cloudfunctions2_function.onnewimage.service_config).ingress_settings == "ALLOW_INTERNAL_ONLY"
    error_message = "the internet may knock"
  }
  assert {
    condition     = length(google_cloudfunctions2_function.onnewimage.event_trigger) == 0
    error_message = "its subscription would wait 10 s and keep no dead letters"
  }
  assert {
    condition     = one(google_cloudfunctions2_function.onnewimage.build_config).entry_point == "onNewImage"
    error_message = "the name that users know is onNewImage"
  }
}

run "it_is_made_of_the_code_and_nothing_that_lies_beside_it" {
  assert {
    condition = local.files == setunion(
      fileset(var.source_folder, "**/*.py"),
      ["requirements.txt"],
    )
    error_message = "the archive would not be what the tests run"
  }
  assert {
    condition     = google_storage_bucket_object.code.name == "onnewimage-${local.version}.zip"
    error_message = "new code would not be a new deployment"
  }
}

run "it_runs_and_is_built_as_accounts_that_may_no_more_than_they_need" {
  assert {
    condition     = one(google_cloudfunctions2_function.onnewimage.service_config).service_account_email == google_service_account.onnewimage.email
    error_message = "it runs as another"
  }
  assert {
    condition     = one(google_cloudfunctions2_function.onnewimage.build_config).service_account == google_service_account.function_build.id
    error_message = "it is built by the default account, which new organisations give no rights"
  }
  assert {
    condition = length(toset([
      google_service_account.onnewimage.account_id,
      google_service_account.function_build.account_id,
      google_service_account.push.account_id,
    ])) == 3
    error_message = "two of the three are one account"
  }
  assert {
    condition     = toset(google_project_iam_custom_role.onnewimage[0].permissions) == toset(["container.clusters.get", "container.clusters.connect"])
    error_message = "in the cluster RBAC decides, and here no more is needed than to come there"
  }
  assert {
    condition = alltrue([
      for permission in google_project_iam_custom_role.tags.permissions : !endswith(permission, ".delete")
    ])
    error_message = "an image could be deleted"
  }
  assert {
    condition     = google_artifact_registry_repository_iam_member.onnewimage_tags.repository == "slipway"
    error_message = "tags of another repository could be moved"
  }
  assert {
    condition     = google_project_iam_member.onnewimage_builds.role == "roles/cloudbuild.builds.viewer"
    error_message = "no build could be believed"
  }
  assert {
    condition     = google_artifact_registry_repository_iam_member.function_build.repository == google_artifact_registry_repository.function.repository_id
    error_message = "the function's builder could replace ml-model's image"
  }
  assert {
    condition     = one(google_cloudfunctions2_function.onnewimage.build_config).docker_repository == google_artifact_registry_repository.function.id
    error_message = "the function's images would lie among ml-model's"
  }
  assert {
    condition     = strcontains(one(google_project_iam_member.function_build_sources.condition).expression, "gcf-v2-sources-")
    error_message = "it could read every bucket of the project"
  }
}

run "a_secret_that_has_a_value_is_read_and_no_other" {
  variables {
    secrets = { SLACK_WEBHOOK_URL = "slack-webhook-url" }
  }
  assert {
    condition     = keys(google_secret_manager_secret_iam_member.onnewimage) == ["SLACK_WEBHOOK_URL"]
    error_message = "more secrets are readable than used"
  }
  assert {
    condition = one([
      for secret in one(google_cloudfunctions2_function.onnewimage.service_config).secret_environment_variables :
      secret.secret if secret.key == "SLACK_WEBHOOK_URL"
    ]) == "slack-webhook-url"
    error_message = "the function is not told"
  }
}

run "several_targets_are_told_as_one_list" {
  variables {
    targets = [{ cluster = "europe", zone = "europe-west1" }, { cluster = "america", zone = "us-central1" }]
  }
  assert {
    condition = (
      jsondecode(one(google_cloudfunctions2_function.onnewimage.service_config).environment_variables.TARGETS)[1].cluster ==
      "america"
    )
    error_message = "the second cluster is not known"
  }
}

run "with_a_prefix_two_teams_do_not_meet" {
  variables {
    prefix = "team-"
  }
  assert {
    condition = (
      google_cloudfunctions2_function.onnewimage.name == "team-onnewimage" &&
      google_project_iam_custom_role.onnewimage[0].role_id == "team_onNewImage" &&
      google_storage_bucket.code.name == "some-project-team-onnewimage"
    )
    error_message = "a name is without the prefix"
  }
}

run "a_cluster_and_a_service_at_once_are_refused" {
  command = plan
  variables {
    service = {
      name            = "ml-model"
      region          = "europe-west1"
      service_account = "projects/some-project/serviceAccounts/ml-model@some-project.iam.gserviceaccount.com"
      image           = "europe-west1-docker.pkg.dev/some-project/slipway/ml-model"
    }
  }
  expect_failures = [google_cloudfunctions2_function.onnewimage]
}

run "a_folder_without_the_function_is_refused" {
  command = plan
  variables {
    source_folder = "../../../kubernetes"
  }
  expect_failures = [var.source_folder]
}

run "a_secret_among_the_settings_is_refused" {
  command = plan
  variables {
    settings = { GITHUB_TOKEN = "its-value" }
  }
  expect_failures = [var.settings]
}

run "an_unknown_secret_is_refused" {
  command = plan
  variables {
    secrets = { PASSWORD = "password" }
  }
  expect_failures = [var.secrets]
}

run "a_single_instance_is_refused" {
  command = plan
  variables {
    max_instances = 1
  }
  expect_failures = [var.max_instances]
}
