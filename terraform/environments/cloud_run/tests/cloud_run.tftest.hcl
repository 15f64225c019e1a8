mock_provider "archive" {}
mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "1234" }
  }
}

variables {
  project = "some-project"
}

override_resource {
  target = module.service.google_service_account.server
  values = {
    email = "ml-model@some-project.iam.gserviceaccount.com"
    id    = "projects/some-project/serviceAccounts/ml-model@some-project.iam.gserviceaccount.com"
    name  = "projects/some-project/serviceAccounts/ml-model@some-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target = module.deployer.google_service_account.onnewimage
  values = {
    email = "onnewimage@some-project.iam.gserviceaccount.com"
    id    = "projects/some-project/serviceAccounts/onnewimage@some-project.iam.gserviceaccount.com"
    name  = "projects/some-project/serviceAccounts/onnewimage@some-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target = module.deployer.google_service_account.push
  values = {
    email = "onnewimage-push@some-project.iam.gserviceaccount.com"
    id    = "projects/some-project/serviceAccounts/onnewimage-push@some-project.iam.gserviceaccount.com"
    name  = "projects/some-project/serviceAccounts/onnewimage-push@some-project.iam.gserviceaccount.com"
  }
}

run "the_function_is_told_what_was_made_and_it_is_closed" {
  assert {
    condition = module.deployer.target == {
      SERVICE          = "ml-model"
      REGION           = "europe-west1"
      IMAGE_REPOSITORY = "europe-west1-docker.pkg.dev/some-project/slipway/ml-model"
    }
    error_message = "the function would look elsewhere"
  }
  assert {
    condition     = output.proxy == null && output.first_build == null
    error_message = "open without a word, or a trigger without a repository"
  }
}

run "with_all_that_it_can_be_asked_for_it_is_found_by_a_command" {
  variables {
    prefix              = "team-"
    github              = { owner = "somebody", name = "slipway" }
    branch              = "^live$"
    make_topic          = false
    alert_email         = "team@example.com"
    open_to             = ["group:team@example.com", "user:me@example.com"]
    min_instances       = 1
    max_instances       = 10
    concurrency         = 8
    memory              = "4Gi"
    deletion_protection = true
    rows_days           = 90
    rollout_settings    = { APPROVAL = "required" }
    secrets_with_value  = ["GITHUB_TOKEN", "SLACK_WEBHOOK_URL"]
    budget              = { billing_account = "012345-6789AB-CDEF01", amount = 50 }
  }
  assert {
    condition     = output.proxy == "gcloud run services proxy team-ml-model --project=some-project --region=europe-west1 --port=8080"
    error_message = "the command is ${output.proxy}"
  }
  assert {
    condition     = output.first_build == "gcloud builds triggers run team-push --project=some-project --region=global --branch=live"
    error_message = "the first build is ${output.first_build}"
  }
  assert {
    condition     = module.deployer.target.SERVICE == "team-ml-model" && output.models_bucket == "gs://some-project-team-models"
    error_message = "two teams in one project would meet"
  }
}

run "an_unknown_secret_is_refused" {
  command = plan
  variables {
    secrets_with_value = ["PASSWORD"]
  }
  expect_failures = [var.secrets_with_value]
}

run "a_project_by_its_name_is_refused" {
  command = plan
  variables {
    project = "My Project"
  }
  expect_failures = [var.project]
}

run "a_zone_is_refused" {
  command = plan
  variables {
    region = "europe-west1-b"
  }
  expect_failures = [var.region]
}
