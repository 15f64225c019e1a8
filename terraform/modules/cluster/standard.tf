resource "google_container_cluster" "standard" {
  #checkov:skip=CKV_GCP_12:Dataplane V2 holds to NetworkPolicies without the older add-on.
  #checkov:skip=CKV_GCP_20:The control plane has no address to be asked at: its IP endpoints are off.
  #checkov:skip=CKV_GCP_21:Labels for billing are the user's to choose.
  #checkov:skip=CKV_GCP_61:Flow logs are billed by the byte, and nothing here reads them.
  #checkov:skip=CKV_GCP_65:A group of Google Groups for RBAC is a matter of the organisation.
  #checkov:skip=CKV_GCP_66:Binary Authorization asks for attestors; onNewImage asks Cloud Build's API itself.
  #checkov:skip=CKV_GCP_69:The metadata server is set at the node pools; the first pool is removed.
  count = var.mode == "standard" ? 1 : 0

  project                  = var.project
  name                     = local.name
  location                 = coalesce(var.zone, var.region)
  remove_default_node_pool = true
  initial_node_count       = 1
  enable_shielded_nodes    = true
  deletion_protection      = var.deletion_protection
  network                  = var.network
  subnetwork               = var.subnetwork
  # Without Dataplane V2 a NetworkPolicy would be accepted and do nothing.
  datapath_provider = "ADVANCED_DATAPATH"

  ip_allocation_policy {
    cluster_secondary_range_name  = var.pods_range
    services_secondary_range_name = var.services_range
  }
  private_cluster_config {
    enable_private_nodes = true
  }
  # As in autopilot.tf.
  control_plane_endpoints_config {
    dns_endpoint_config {
      allow_external_traffic = true
    }
    ip_endpoints_config {
      enabled = false
    }
  }
  release_channel {
    channel = var.release_channel
  }
  workload_identity_config {
    workload_pool = local.workload_pool
  }
  # Autopilot has it too; the manifests' NetworkPolicy lets pods ask it, at 169.254.20.10.
  addons_config {
    dns_cache_config {
      enabled = true
    }
  }
  monitoring_config {
    enable_components = ["SYSTEM_COMPONENTS"]
    managed_prometheus {
      enabled = true
    }
  }
  master_auth {
    client_certificate_config {
      issue_client_certificate = false
    }
  }
  gateway_api_config {
    channel = "CHANNEL_STANDARD"
  }
  maintenance_policy {
    recurring_window {
      start_time = var.maintenance.start_time
      end_time   = var.maintenance.end_time
      recurrence = var.maintenance.recurrence
    }
  }
  # The first pool lives some minutes, and the default account may not even exist.
  node_config {
    service_account = google_service_account.node.email
    oauth_scopes    = local.scopes
  }

  lifecycle {
    ignore_changes = [initial_node_count, node_config]
  }
  depends_on = [google_project_iam_member.node]
}

resource "google_container_node_pool" "plain" {
  count = length(google_container_cluster.standard)

  project  = var.project
  location = google_container_cluster.standard[count.index].location
  cluster  = google_container_cluster.standard[count.index].name
  name     = "plain"

  autoscaling {
    min_node_count = var.pool.min
    max_node_count = var.pool.max
  }
  management {
    auto_repair  = true
    auto_upgrade = true
  }
  node_config {
    machine_type    = var.pool.machine_type
    spot            = var.pool.spot
    service_account = google_service_account.node.email
    oauth_scopes    = local.scopes
    metadata        = { disable-legacy-endpoints = "true" }
    workload_metadata_config {
      mode = "GKE_METADATA"
    }
    shielded_instance_config {
      enable_secure_boot          = true
      enable_integrity_monitoring = true
    }
  }
}

resource "google_container_node_pool" "gpu" {
  #checkov:skip=CKV_GCP_68:Secure boot with GPU drivers is not tried here.
  count = var.gpu == null ? 0 : length(google_container_cluster.standard)

  project  = var.project
  location = google_container_cluster.standard[count.index].location
  cluster  = google_container_cluster.standard[count.index].name
  name     = "gpu"

  # None, until a pod asks for nvidia.com/gpu; GKE itself keeps other pods away by a taint.
  autoscaling {
    min_node_count = 0
    max_node_count = var.gpu.max
  }
  management {
    auto_repair  = true
    auto_upgrade = true
  }
  node_config {
    machine_type    = var.gpu.machine_type
    spot            = var.gpu.spot
    service_account = google_service_account.node.email
    oauth_scopes    = local.scopes
    metadata        = { disable-legacy-endpoints = "true" }
    guest_accelerator {
      type  = var.gpu.type
      count = var.gpu.count
      gpu_driver_installation_config {
        gpu_driver_version = "DEFAULT"
      }
    }
    workload_metadata_config {
      mode = "GKE_METADATA"
    }
    shielded_instance_config {
      enable_integrity_monitoring = true
    }
  }
}
