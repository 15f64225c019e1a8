# What a Gateway on GKE cannot own itself: a lasting address, a certificate, who is let in. The
# Gateway, its route and its policies are manifests, which name what is made here.

locals {
  front  = "${var.prefix}ml-model"
  opened = var.expose == null ? [] : [var.expose]
  allow  = flatten([for open in local.opened : open.allow])
  limit  = one([for open in local.opened : open.requests_per_minute])
}

resource "google_compute_global_address" "front" {
  count = length(local.opened)

  project = var.project
  name    = local.front
}

resource "google_certificate_manager_dns_authorization" "front" {
  count = length(local.opened)

  project = var.project
  name    = local.front
  domain  = local.opened[count.index].domain
}

resource "google_certificate_manager_certificate" "front" {
  count = length(local.opened)

  project = var.project
  name    = local.front
  managed {
    domains            = [local.opened[count.index].domain]
    dns_authorizations = [google_certificate_manager_dns_authorization.front[count.index].id]
  }
}

# kubernetes/components/gateway-https names the map by its annotation networking.gke.io/certmap.
resource "google_certificate_manager_certificate_map" "front" {
  count = length(local.opened)

  project = var.project
  name    = local.front
}

resource "google_certificate_manager_certificate_map_entry" "front" {
  count = length(local.opened)

  project      = var.project
  name         = local.front
  map          = google_certificate_manager_certificate_map.front[count.index].name
  hostname     = local.opened[count.index].domain
  certificates = [google_certificate_manager_certificate.front[count.index].id]
}

resource "google_compute_security_policy" "front" {
  #checkov:skip=CKV_GCP_73:The rule against Log4j is for Java, and there is none behind it.
  count = length(local.allow) > 0 ? 1 : 0

  project     = var.project
  name        = local.front
  description = "Who may reach ml-model."

  rule {
    description = "Those of the list."
    action      = local.limit == null ? "allow" : "throttle"
    priority    = 1000
    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = local.allow
      }
    }
    dynamic "rate_limit_options" {
      for_each = local.limit == null ? [] : [local.limit]
      content {
        conform_action = "allow"
        # The server's own answer to one request too many, so that clients know it.
        exceed_action  = "deny(429)"
        enforce_on_key = "IP"
        rate_limit_threshold {
          count        = rate_limit_options.value
          interval_sec = 60
        }
      }
    }
  }

  rule {
    description = "Nobody else."
    action      = "deny(403)"
    priority    = 2147483647
    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }
  }
}

# The backend service is made by GKE, under a name that nobody knows before: so it is for all that
# the project has behind IAP.
resource "google_iap_web_iam_member" "front" {
  for_each = toset(flatten([for open in local.opened : tolist(open.iap_members)]))

  project = var.project
  role    = "roles/iap.httpsResourceAccessor"
  member  = each.value
}
