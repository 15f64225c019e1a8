resource "google_compute_network" "this" {
  #checkov:skip=CKV2_GCP_18:GKE makes the rules that it needs, and nothing else is to come in.
  project                 = var.project
  name                    = "${var.prefix}slipway"
  auto_create_subnetworks = false
}

resource "google_compute_subnetwork" "nodes" {
  #checkov:skip=CKV_GCP_26:Flow logs are billed by the byte, and nothing here reads them.
  project       = var.project
  region        = var.region
  name          = "${var.prefix}slipway-nodes"
  network       = google_compute_network.this.id
  ip_cidr_range = var.ranges.nodes
  # Nodes have no address of their own: images, the bucket and BigQuery are reached this way.
  private_ip_google_access = true

  secondary_ip_range {
    range_name    = "pods"
    ip_cidr_range = var.ranges.pods
  }
  secondary_ip_range {
    range_name    = "services"
    ip_cidr_range = var.ranges.services
  }
}

# An Application Load Balancer inside of the network keeps its proxies here.
resource "google_compute_subnetwork" "proxies" {
  #checkov:skip=CKV_GCP_26:A subnetwork for proxies alone has no flow logs.
  #checkov:skip=CKV_GCP_74:A subnetwork for proxies alone has no private access.
  count = var.proxy_only_range == null ? 0 : 1

  project       = var.project
  region        = var.region
  name          = "${var.prefix}slipway-proxies"
  network       = google_compute_network.this.id
  ip_cidr_range = var.proxy_only_range
  purpose       = "REGIONAL_MANAGED_PROXY"
  role          = "ACTIVE"
}

resource "google_compute_router" "nat" {
  count = var.nat ? 1 : 0

  project = var.project
  region  = var.region
  name    = "${var.prefix}slipway"
  network = google_compute_network.this.id
}

resource "google_compute_router_nat" "nat" {
  count = var.nat ? 1 : 0

  project                            = var.project
  region                             = var.region
  name                               = "${var.prefix}slipway"
  router                             = google_compute_router.nat[0].name
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"
}
