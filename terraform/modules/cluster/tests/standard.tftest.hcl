mock_provider "google" {}

variables {
  project        = "some-project"
  region         = "europe-west1"
  network        = "network"
  subnetwork     = "subnetwork"
  pods_range     = "pods"
  services_range = "services"
  mode           = "standard"
}

run "it_is_like_autopilot_where_the_manifests_count_on_it" {
  assert {
    condition     = google_container_cluster.standard[0].datapath_provider == "ADVANCED_DATAPATH"
    error_message = "NetworkPolicies would be accepted and do nothing"
  }
  assert {
    condition     = one(google_container_cluster.standard[0].workload_identity_config).workload_pool == "some-project.svc.id.goog"
    error_message = "pods would have no Google accounts"
  }
  assert {
    condition     = one(one(google_container_cluster.standard[0].addons_config).dns_cache_config).enabled
    error_message = "the NetworkPolicy for names is made for NodeLocal DNSCache"
  }
  assert {
    condition     = one(one(google_container_cluster.standard[0].monitoring_config).managed_prometheus).enabled
    error_message = "the autoscaler and the alerts would know no metric of the server"
  }
  assert {
    condition = alltrue([
      for way in google_container_cluster.standard[0].control_plane_endpoints_config :
      one(way.dns_endpoint_config).allow_external_traffic && one(way.ip_endpoints_config).enabled == false
    ])
    error_message = "onNewImage comes by the DNS endpoint, and the address is closed"
  }
}

run "every_pool_has_the_nodes_account_and_hides_it_from_pods" {
  variables {
    gpu = { type = "nvidia-l4", machine_type = "g2-standard-4" }
  }
  assert {
    condition = alltrue([
      for pool in concat(google_container_node_pool.plain[*], google_container_node_pool.gpu[*]) :
      one(pool.node_config).service_account == google_service_account.node.email
    ])
    error_message = "a pool with the default account could pull nothing"
  }
  assert {
    condition = alltrue([
      for pool in concat(google_container_node_pool.plain[*], google_container_node_pool.gpu[*]) :
      one(one(pool.node_config).workload_metadata_config).mode == "GKE_METADATA"
    ])
    error_message = "a pod could take the node's token"
  }
}

run "gpus_cost_nothing_until_a_pod_asks" {
  variables {
    gpu = { type = "nvidia-l4", machine_type = "g2-standard-4", max = 3 }
  }
  assert {
    condition = alltrue([
      for size in google_container_node_pool.gpu[0].autoscaling : size.min_node_count == 0 && size.max_node_count == 3
    ])
    error_message = "a GPU runs for nobody"
  }
}

run "without_gpu_there_is_no_second_pool" {
  assert {
    condition     = length(google_container_node_pool.gpu) == 0 && length(google_container_node_pool.plain) == 1
    error_message = "a pool that nobody has asked for"
  }
}

run "in_one_zone_it_is_in_one_zone" {
  variables {
    zone = "europe-west1-b"
  }
  assert {
    condition     = output.location == "europe-west1-b" && google_container_node_pool.plain[0].location == "europe-west1-b"
    error_message = "the cluster is in ${output.location}"
  }
}

run "a_region_in_place_of_a_zone_is_refused" {
  command = plan
  variables {
    zone = "europe-west1"
  }
  expect_failures = [var.zone]
}

run "a_pool_smaller_than_nothing_is_refused" {
  command = plan
  variables {
    pool = { min = 3, max = 2 }
  }
  expect_failures = [var.pool]
}

run "three_gpus_a_node_are_refused" {
  command = plan
  variables {
    gpu = { type = "nvidia-l4", machine_type = "g2-standard-4", count = 3 }
  }
  expect_failures = [var.gpu]
}
