mock_provider "archive" {}
mock_provider "google" {}

variables {
  project           = "some-project"
  region            = "europe-west1"
  pubsub_agent      = "serviceAccount:agent@example.com"
  source_folder     = "../../../cloud_function"
  images_repository = "slipway"
  service = {
    name            = "ml-model"
    region          = "europe-west1"
    service_account = "projects/some-project/serviceAccounts/ml-model@some-project.iam.gserviceaccount.com"
    image           = "europe-west1-docker.pkg.dev/some-project/slipway/ml-model"
  }
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
  target = google_service_account.push
  values = {
    email = "onnewimage-push@some-project.iam.gserviceaccount.com"
    id    = "projects/some-project/serviceAccounts/onnewimage-push@some-project.iam.gserviceaccount.com"
    name  = "projects/some-project/serviceAccounts/onnewimage-push@some-project.iam.gserviceaccount.com"
  }
}

run "it_is_told_of_the_service_and_of_no_cluster" {
  assert {
    condition = one(google_cloudfunctions2_function.onnewimage.service_config).environment_variables == tomap({
      PROJECT          = "some-project"
      SERVICE          = "ml-model"
      REGION           = "europe-west1"
      IMAGE_REPOSITORY = "europe-west1-docker.pkg.dev/some-project/slipway/ml-model"
      BUILD_REGION     = "global"
      IMAGE_TAGS       = "1"
    })
    error_message = "the function's environment is another"
  }
  assert {
    condition = (
      length(google_project_iam_custom_role.onnewimage) == 0 && length(google_project_iam_member.onnewimage_cluster) == 0
    )
    error_message = "it may come to clusters"
  }
  assert {
    condition = toset(google_project_iam_custom_role.service[0].permissions) == toset([
      "run.services.get", "run.services.update", "run.revisions.get", "run.revisions.list",
    ])
    error_message = "it may more than set an image and look"
  }
  assert {
    condition = (
      google_cloud_run_v2_service_iam_member.onnewimage[0].name == "ml-model" &&
      google_cloud_run_v2_service_iam_member.onnewimage[0].role == google_project_iam_custom_role.service[0].name &&
      google_cloud_run_v2_service_iam_member.onnewimage[0].member == "serviceAccount:${google_service_account.onnewimage.email}"
    )
    error_message = "the right is for this one service"
  }
  assert {
    condition = (
      google_service_account_iam_member.onnewimage_runs_as[0].role == "roles/iam.serviceAccountUser" &&
      google_service_account_iam_member.onnewimage_runs_as[0].service_account_id == var.service.service_account
    )
    error_message = "Cloud Run would refuse a new revision, or it may run as others"
  }
  assert {
    condition = (
      google_artifact_registry_repository_iam_member.onnewimage_reads[0].role == "roles/artifactregistry.reader" &&
      google_artifact_registry_repository_iam_member.onnewimage_reads[0].repository == "slipway"
    )
    error_message = "it could not set an image that it may not read"
  }
}

run "a_second_image_to_deploy_from_is_refused" {
  command = plan
  variables {
    settings = { IMAGE_REPOSITORY = "europe-west1-docker.pkg.dev/some-project/other/ml-model" }
  }
  expect_failures = [google_cloudfunctions2_function.onnewimage]
}
