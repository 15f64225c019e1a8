mock_provider "google" {}

variables {
  project        = "some-project"
  region         = "europe-west1"
  network        = "network"
  subnetwork     = "subnetwork"
  pods_range     = "pods"
  services_range = "services"
}

run "it_is_autopilot_unless_asked_otherwise" {
  assert {
    condition     = google_container_cluster.autopilot[0].enable_autopilot && length(google_container_cluster.standard) == 0
    error_message = "nodes to look after, which nobody has asked for"
  }
  assert {
    condition     = output.location == "europe-west1" && output.name == "slipway"
    error_message = "the function would look for another cluster"
  }
}

run "nodes_have_an_account_that_may_what_nodes_must" {
  assert {
    condition     = google_project_iam_member.node.role == "roles/container.defaultNodeServiceAccount"
    error_message = "nodes could not report"
  }
  assert {
    condition     = google_project_iam_member.node.member == "serviceAccount:${google_service_account.node.email}"
    error_message = "the role is another account's"
  }
  assert {
    condition = (
      one(one(google_container_cluster.autopilot[0].cluster_autoscaling).auto_provisioning_defaults).service_account ==
      google_service_account.node.email
    )
    error_message = "Autopilot would take the default account, which may pull nothing"
  }
}

run "the_control_plane_is_asked_by_its_name_alone" {
  assert {
    condition = alltrue([
      for way in google_container_cluster.autopilot[0].control_plane_endpoints_config :
      one(way.dns_endpoint_config).allow_external_traffic && one(way.ip_endpoints_config).enabled == false
    ])
    error_message = "onNewImage comes by the DNS endpoint, and the address is closed"
  }
  assert {
    condition     = one(google_container_cluster.autopilot[0].private_cluster_config).enable_private_nodes
    error_message = "nodes have addresses of their own"
  }
  assert {
    condition     = endswith(output.get_credentials, "--location=europe-west1 --dns-endpoint")
    error_message = "kubectl would ask a closed address: ${output.get_credentials}"
  }
}

run "it_is_not_deleted_by_mistake" {
  assert {
    condition     = google_container_cluster.autopilot[0].deletion_protection
    error_message = "one destroy, and all is gone"
  }
}

run "pods_have_google_accounts_by_the_projects_pool" {
  assert {
    condition     = output.workload_pool == "some-project.svc.id.goog"
    error_message = "no pod would be believed"
  }
}

run "a_gpu_pool_needs_pools" {
  command = plan
  variables {
    gpu = { type = "nvidia-l4", machine_type = "g2-standard-4" }
  }
  expect_failures = [google_container_cluster.autopilot]
}

run "an_unknown_mode_is_refused" {
  command = plan
  variables {
    mode = "serverless"
  }
  expect_failures = [var.mode]
}

run "an_unknown_channel_is_refused" {
  command = plan
  variables {
    release_channel = "regular"
  }
  expect_failures = [var.release_channel]
}

run "a_window_without_times_is_refused" {
  command = plan
  variables {
    maintenance = { start_time = "at night" }
  }
  expect_failures = [var.maintenance]
}
