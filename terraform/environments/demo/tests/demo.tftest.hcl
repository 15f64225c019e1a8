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
  target = module.data.google_service_account.server
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

run "the_manifests_are_told_what_was_made" {
  assert {
    condition = yamldecode(output.project_yaml).data == {
      image                   = "europe-west1-docker.pkg.dev/some-project/slipway/ml-model:main"
      google_service_account  = "ml-model@some-project.iam.gserviceaccount.com"
      rollout_service_account = "onnewimage@some-project.iam.gserviceaccount.com"
      gcp_bucket_name         = "some-project-models"
      bigquery_dataset        = "ml_model"
      bigquery_table          = "some-project.ml_model.prediction"
    }
    error_message = "project.yaml would be ${output.project_yaml}"
  }
}

run "it_is_closed" {
  assert {
    condition     = module.network.front == null
    error_message = "a trial is open to the internet"
  }
}

run "without_a_connected_repository_it_can_be_applied_too" {
  assert {
    condition     = output.first_build == null
    error_message = "a trigger without a repository"
  }
}

run "with_one_the_first_build_is_a_command" {
  variables {
    github = { owner = "somebody", name = "slipway" }
  }
  assert {
    condition     = output.first_build == "gcloud builds triggers run push --project=some-project --region=global --branch=main"
    error_message = "the first build is ${output.first_build}"
  }
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
