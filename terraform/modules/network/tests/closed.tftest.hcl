mock_provider "google" {}

variables {
  project = "some-project"
  region  = "europe-west1"
}

run "nothing_is_open_by_default" {
  assert {
    condition     = length(google_compute_global_address.front) == 0 && output.front == null
    error_message = "an address for the world is made without expose"
  }
  assert {
    condition     = length(google_compute_router_nat.nat) == 0 && length(google_compute_subnetwork.proxies) == 0
    error_message = "what nobody has asked for is made and paid for"
  }
  assert {
    condition     = length(output.dns_records) == 0
    error_message = "records for no domain"
  }
}

run "nodes_reach_google_without_addresses_of_their_own" {
  assert {
    condition     = google_compute_subnetwork.nodes.private_ip_google_access
    error_message = "a private node could pull no image"
  }
  assert {
    condition     = google_compute_network.this.auto_create_subnetworks == false
    error_message = "a subnetwork in every region of the world"
  }
}

run "pods_and_services_have_ranges_that_the_cluster_can_name" {
  assert {
    condition     = output.pods_range == "pods" && output.services_range == "services"
    error_message = "the cluster would take pods for services"
  }
}

run "names_begin_with_the_prefix" {
  variables {
    prefix = "team-"
  }
  assert {
    condition     = google_compute_network.this.name == "team-slipway" && google_compute_subnetwork.nodes.name == "team-slipway-nodes"
    error_message = "two of us would meet in a shared project"
  }
}

run "a_gateway_inside_gets_its_proxies" {
  variables {
    proxy_only_range = "10.40.0.0/26"
  }
  assert {
    condition     = google_compute_subnetwork.proxies[0].purpose == "REGIONAL_MANAGED_PROXY"
    error_message = "not a subnetwork for proxies"
  }
}

run "too_few_addresses_for_proxies_are_refused" {
  command = plan
  variables {
    proxy_only_range = "10.40.0.0/27"
  }
  expect_failures = [var.proxy_only_range]
}

run "a_range_that_is_none_is_refused" {
  command = plan
  variables {
    ranges = { pods = "10.20.0.0" }
  }
  expect_failures = [var.ranges]
}

run "a_zone_in_place_of_a_region_is_refused" {
  command = plan
  variables {
    region = "europe-west1-b"
  }
  expect_failures = [var.region]
}

run "a_prefix_that_makes_no_name_is_refused" {
  command = plan
  variables {
    prefix = "Team_"
  }
  expect_failures = [var.prefix]
}
