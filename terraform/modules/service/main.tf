# The server as a Cloud Run service: where there is no cluster, it takes a Deployment's place.

locals {
  # docs/portability.md says why.
  environment = {
    READY              = "all"
    STOP_TIMEOUT_S     = "7"
    KEEPALIVE_S        = "620"
    PREDICTION_LOG_MIB = "64"
  }
}

# The server runs as it, and it may nothing: the models are in the image.
resource "google_service_account" "server" {
  project      = var.project
  account_id   = "${var.prefix}ml-model"
  display_name = "The server ml-model"
}

resource "google_cloud_run_v2_service" "server" {
  project             = var.project
  location            = var.region
  name                = "${var.prefix}ml-model"
  description         = "Serves the models that are in its image; onNewImage sets the image."
  deletion_protection = var.deletion_protection
  ingress             = length(var.open_to) == 0 ? "INGRESS_TRAFFIC_INTERNAL_ONLY" : "INGRESS_TRAFFIC_ALL"

  # Of the service, not of a revision: they are where the requests are, and not with one that is only
  # kept. Said even where it is 0, which is what the API answers, and a plan would take away.
  scaling {
    min_instance_count = var.min_instances
  }

  template {
    service_account                  = google_service_account.server.email
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"
    max_instance_request_concurrency = var.concurrency
    # INFERENCE_TIMEOUT_S and a slow upload, as behind the Gateway of a cluster.
    timeout = "120s"

    scaling {
      max_instance_count = var.max_instances
    }
    containers {
      # Until the first build is live. It answers every path with 200, /readyz too, so that it passes
      # the probes below.
      image = "us-docker.pkg.dev/cloudrun/container/hello"

      ports {
        container_port = 8080
      }
      resources {
        limits = {
          cpu    = "2"
          memory = var.memory
        }
        # Paid while it answers or starts; in between it has next to none.
        cpu_idle          = true
        startup_cpu_boost = true
      }
      dynamic "env" {
        for_each = local.environment
        content {
          name  = env.key
          value = env.value
        }
      }
      # 24 × 10 s, the most that Cloud Run waits. Until every model answers there are no requests; a
      # revision that never gets there is not ready, and onNewImage says so.
      startup_probe {
        period_seconds    = 10
        timeout_seconds   = 5
        failure_threshold = 24
        http_get {
          path = "/readyz"
          port = 8080
        }
      }
      # Only whether HTTP answers. Slow to anger, as in kubernetes/base; seldom, as each asks for CPU
      # that is paid.
      liveness_probe {
        period_seconds    = 30
        timeout_seconds   = 5
        failure_threshold = 3
        http_get {
          path = "/healthz"
          port = 8080
        }
      }
    }
  }

  lifecycle {
    # What onNewImage owns: the image, where the requests go, what it remembers. `client` is whoever
    # came last, such as gcloud. Not template.revision: onNewImage leaves it empty, and a name that
    # gcloud gave has to go, since a second revision of that name would be refused.
    ignore_changes = [
      annotations,
      client,
      client_version,
      template[0].annotations,
      template[0].containers[0].image,
      traffic,
    ]
  }
}

resource "google_cloud_run_v2_service_iam_member" "open_to" {
  for_each = var.open_to

  project  = var.project
  location = var.region
  name     = google_cloud_run_v2_service.server.name
  role     = "roles/run.invoker"
  member   = each.value
}
