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

run "it_is_closed_until_somebody_opens_it" {
  assert {
    condition     = output.front == null && length(output.dns_records) == 0
    error_message = "open to the internet without a word"
  }
  assert {
    condition     = output.apply == "kubernetes/apply.sh gke"
    error_message = "${output.apply} would open it"
  }
}

run "opened_it_tells_what_manifests_and_domain_need" {
  variables {
    expose = {
      domain      = "models.example.com"
      allow       = ["198.51.100.0/24"]
      iap_members = ["user:me@example.com"]
    }
  }
  assert {
    condition     = output.apply == "kubernetes/apply.sh gke-allow-iap"
    error_message = "${output.apply} would let in others than were named"
  }
  assert {
    condition     = output.front.security_policy == "ml-model" && output.front.certificate_map == "ml-model"
    error_message = "the Gateway would find no policy and no certificate"
  }
  assert {
    condition     = output.dns_records[0].name == "models.example.com."
    error_message = "nobody is told which records the domain needs"
  }
}

run "a_standard_cluster_in_one_zone_is_where_the_function_looks" {
  variables {
    mode = "standard"
    zone = "europe-west1-b"
    gpu  = { type = "nvidia-l4", machine_type = "g2-standard-4" }
  }
  assert {
    condition     = module.cluster.location == "europe-west1-b"
    error_message = "the cluster is in ${module.cluster.location}"
  }
  assert {
    condition     = strcontains(output.get_credentials, "--location=europe-west1-b")
    error_message = "kubectl would look elsewhere"
  }
}

run "two_teams_in_one_project_do_not_meet" {
  variables {
    prefix     = "team-"
    make_topic = false
  }
  assert {
    condition     = output.models_bucket == "gs://some-project-team-models" && output.prediction_table == "some-project.team_ml_model.prediction"
    error_message = "a name is without the prefix"
  }
}

run "a_secret_counts_once_it_has_a_value" {
  variables {
    secrets_with_value = ["SLACK_WEBHOOK_URL"]
  }
  assert {
    condition     = length(output.put_secrets) == 2
    error_message = "a secret has no command"
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
