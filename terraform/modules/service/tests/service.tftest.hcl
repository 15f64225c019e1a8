mock_provider "google" {}

variables {
  project = "some-project"
  region  = "europe-west1"
}

override_resource {
  target = google_service_account.server
  values = {
    email = "ml-model@some-project.iam.gserviceaccount.com"
    id    = "projects/some-project/serviceAccounts/ml-model@some-project.iam.gserviceaccount.com"
    name  = "projects/some-project/serviceAccounts/ml-model@some-project.iam.gserviceaccount.com"
  }
}

run "it_is_closed_scales_to_nothing_and_has_what_the_server_needs" {
  assert {
    condition = (
      google_cloud_run_v2_service.server.ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY" &&
      length(google_cloud_run_v2_service_iam_member.open_to) == 0 &&
      output.proxy == null
    )
    error_message = "open without a word"
  }
  assert {
    condition = (
      one(google_cloud_run_v2_service.server.scaling).min_instance_count == 0 &&
      one(one(google_cloud_run_v2_service.server.template).scaling).max_instance_count == 3
    )
    error_message = "an idle one costs, or a busy one without bounds"
  }
  assert {
    condition = (
      one(one(one(google_cloud_run_v2_service.server.template).containers).resources).limits ==
      tomap({ cpu = "2", memory = "2Gi" })
    )
    error_message = "Cloud Run's own 512 MiB hold no model"
  }
  assert {
    condition = (
      one(one(one(google_cloud_run_v2_service.server.template).containers).resources).startup_cpu_boost &&
      one(google_cloud_run_v2_service.server.template).execution_environment == "EXECUTION_ENVIRONMENT_GEN2"
    )
    error_message = "a start takes longer than it must"
  }
  assert {
    condition = { for env in one(one(google_cloud_run_v2_service.server.template).containers).env : env.name => env.value } == {
      READY              = "all"
      STOP_TIMEOUT_S     = "7"
      KEEPALIVE_S        = "620"
      PREDICTION_LOG_MIB = "64"
    }
    error_message = "the server is told something else"
  }
  assert {
    condition = (
      one(google_cloud_run_v2_service.server.template).service_account ==
      "ml-model@some-project.iam.gserviceaccount.com"
    )
    error_message = "it would run as the default account, which may much or nothing"
  }
}

run "a_revision_without_its_models_gets_no_requests" {
  command = plan
  assert {
    condition = (
      one(one(one(one(google_cloud_run_v2_service.server.template).containers).startup_probe).http_get).path == "/readyz" &&
      one(one(one(one(google_cloud_run_v2_service.server.template).containers).startup_probe).http_get).port == 8080
    )
    error_message = "Cloud Run's own probe asks for an open port, and no more"
  }
  assert {
    condition = (
      one(one(one(google_cloud_run_v2_service.server.template).containers).startup_probe).failure_threshold *
      one(one(one(google_cloud_run_v2_service.server.template).containers).startup_probe).period_seconds == 240
    )
    error_message = "Cloud Run takes 240 s at most, and the largest models need long"
  }
}

run "it_is_opened_to_those_who_are_named" {
  command = plan
  variables {
    open_to = ["user:me@example.com", "group:team@example.com"]
    prefix  = "team-"
  }
  assert {
    condition = (
      google_cloud_run_v2_service.server.ingress == "INGRESS_TRAFFIC_ALL" &&
      keys(google_cloud_run_v2_service_iam_member.open_to) == ["group:team@example.com", "user:me@example.com"]
    )
    error_message = "they cannot ask"
  }
  assert {
    condition = alltrue([
      for right in google_cloud_run_v2_service_iam_member.open_to : right.role == "roles/run.invoker" && right.name == "team-ml-model"
    ])
    error_message = "they may more than ask, or ask another"
  }
  assert {
    condition     = output.proxy == "gcloud run services proxy team-ml-model --project=some-project --region=europe-west1 --port=8080"
    error_message = "the command is ${output.proxy}"
  }
}

run "everybody_is_one_word" {
  command = plan
  variables {
    open_to = ["allUsers"]
  }
  assert {
    condition     = keys(google_cloud_run_v2_service_iam_member.open_to) == ["allUsers"]
    error_message = "it is open, and lets nobody in"
  }
}

run "everybody_with_a_google_account_is_refused" {
  command = plan
  variables {
    open_to = ["allAuthenticatedUsers"]
  }
  expect_failures = [var.open_to]
}

run "everybody_and_somebody_are_refused" {
  command = plan
  variables {
    open_to = ["allUsers", "user:me@example.com"]
  }
  expect_failures = [var.open_to]
}

run "numbers_that_cannot_be_are_refused" {
  command = plan
  variables {
    min_instances = -1
    max_instances = 0
    concurrency   = 33
    memory        = "512Mi"
  }
  expect_failures = [var.min_instances, var.max_instances, var.concurrency, var.memory]
}
