mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "1234" }
  }
}

variables {
  project = "some-project"
}

run "what_the_first_build_needs_is_on" {
  assert {
    condition = alltrue([
      for api in ["artifactregistry", "cloudbuild", "containeranalysis", "iam"] :
      contains(keys(google_project_service.api), api)
    ])
    error_message = "a verified build needs Container Analysis beside Cloud Build and Artifact Registry"
  }
}

run "what_the_function_and_its_messages_need_is_on" {
  assert {
    condition = alltrue([
      for api in ["cloudfunctions", "cloudscheduler", "pubsub", "run", "secretmanager"] :
      contains(keys(google_project_service.api), api)
    ])
    error_message = "an API of the deployer is missing"
  }
}

run "what_predictions_are_written_by_is_on" {
  assert {
    condition = alltrue([
      for api in ["bigquery", "bigquerystorage"] : contains(keys(google_project_service.api), api)
    ])
    error_message = "the Storage Write API is one of its own"
  }
}

run "an_api_is_left_on_when_all_is_destroyed" {
  assert {
    condition     = alltrue([for api in google_project_service.api : api.disable_on_destroy == false])
    error_message = "an API that somebody else uses would be switched off"
  }
  assert {
    condition     = google_project_service.api["run"].service == "run.googleapis.com"
    error_message = "an API is called by its whole name"
  }
}

run "what_only_a_cluster_needs_is_not_on_unasked" {
  command = plan
  assert {
    condition     = !contains(keys(google_project_service.api), "container") && !contains(keys(google_project_service.api), "compute")
    error_message = "a root without a cluster would switch on what it does not use"
  }
}

run "one_more_comes_with_the_others" {
  variables {
    also = ["iap"]
  }
  assert {
    condition     = contains(keys(google_project_service.api), "iap") && contains(keys(google_project_service.api), "run")
    error_message = "also adds to what is always on"
  }
}

run "the_agent_is_named_by_the_projects_number" {
  assert {
    condition     = output.pubsub_agent == "serviceAccount:service-1234@gcp-sa-pubsub.iam.gserviceaccount.com"
    error_message = "Pub/Sub's service agent is ${output.pubsub_agent}"
  }
}

run "a_name_that_is_no_project_is_refused" {
  command = plan
  variables {
    project = "My Project"
  }
  expect_failures = [var.project]
}

run "a_whole_api_name_is_refused" {
  command = plan
  variables {
    also = ["iap.googleapis.com"]
  }
  expect_failures = [var.also]
}
