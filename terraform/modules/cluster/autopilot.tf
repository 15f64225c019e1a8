resource "google_container_cluster" "autopilot" {
  #checkov:skip=CKV_GCP_12:Autopilot has Dataplane V2, which holds to NetworkPolicies.
  #checkov:skip=CKV_GCP_20:The control plane has no address to be asked at: its IP endpoints are off.
  #checkov:skip=CKV_GCP_21:Labels for billing are the user's to choose.
  #checkov:skip=CKV_GCP_61:Flow logs are billed by the byte, and nothing here reads them.
  #checkov:skip=CKV_GCP_65:A group of Google Groups for RBAC is a matter of the organisation.
  #checkov:skip=CKV_GCP_66:Binary Authorization asks for attestors; onNewImage asks Cloud Build's API itself.
  #checkov:skip=CKV_GCP_69:Autopilot has the metadata server on, always.
  count = var.mode == "autopilot" ? 1 : 0

  project             = var.project
  name                = local.name
  location            = var.region
  enable_autopilot    = true
  deletion_protection = var.deletion_protection
  network             = var.network
  subnetwork          = var.subnetwork

  ip_allocation_policy {
    cluster_secondary_range_name  = var.pods_range
    services_secondary_range_name = var.services_range
  }
  private_cluster_config {
    enable_private_nodes = true
  }
  # By its DNS name alone, which lets in whoever has container.clusters.connect: so the function
  # gets there without a network of its own, and a person without a bastion.
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
  cluster_autoscaling {
    auto_provisioning_defaults {
      service_account = google_service_account.node.email
      oauth_scopes    = local.scopes
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

  lifecycle {
    precondition {
      condition     = var.gpu == null && var.zone == null
      error_message = "mode = \"autopilot\": gpu and zone must be null. Autopilot makes nodes, with GPUs too, as pods ask for them."
    }
  }
  depends_on = [google_project_iam_member.node]
}
