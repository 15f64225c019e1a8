# From a build's message to the function, and where a message goes that nobody could take.

locals {
  # Cloud Build publishes to a topic of this name, and to no other: not to `cloud-build`.
  topic_name = "cloud-builds"
  topic      = "projects/${var.project}/topics/${local.topic_name}"
}

resource "google_pubsub_topic" "builds" {
  #checkov:skip=CKV_GCP_83:Google's own keys.
  count = var.make_topic ? 1 : 0

  project = var.project
  name    = local.topic_name
}

resource "google_pubsub_subscription" "onnewimage" {
  project = var.project
  name    = "${var.prefix}onnewimage"
  topic   = local.topic
  # One call watches a rollout for up to 480 s: for push this is the time it may take.
  ack_deadline_seconds = 600

  push_config {
    push_endpoint = one(google_cloudfunctions2_function.onnewimage.service_config).uri
    oidc_token {
      service_account_email = google_service_account.push.email
      audience              = one(google_cloudfunctions2_function.onnewimage.service_config).uri
    }
  }
  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "60s"
  }
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead.id
    max_delivery_attempts = var.max_delivery_attempts
  }
  # Else it would be deleted after a month without a build.
  expiration_policy {
    ttl = ""
  }

  depends_on = [google_cloud_run_v2_service_iam_member.push, google_pubsub_topic.builds]
}

resource "google_pubsub_topic" "dead" {
  #checkov:skip=CKV_GCP_83:Google's own keys.
  project = var.project
  name    = "${var.prefix}cloud-builds-dead"
}

# A topic keeps nothing: without this subscription dead letters would be gone.
resource "google_pubsub_subscription" "dead" {
  project                    = var.project
  name                       = "${var.prefix}cloud-builds-dead"
  topic                      = google_pubsub_topic.dead.id
  message_retention_duration = "604800s"
  expiration_policy {
    ttl = ""
  }
}

# Without both of these a dead letter is delivered again and again.
resource "google_pubsub_topic_iam_member" "dead" {
  project = var.project
  topic   = google_pubsub_topic.dead.name
  role    = "roles/pubsub.publisher"
  member  = var.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "dead" {
  project      = var.project
  subscription = google_pubsub_subscription.onnewimage.name
  role         = "roles/pubsub.subscriber"
  member       = var.pubsub_agent
}

# Finds builds whose message was missed, and rollouts that nobody watches any more.
resource "google_cloud_scheduler_job" "reconcile" {
  project     = var.project
  region      = var.region
  name        = "${var.prefix}onnewimage-reconcile"
  description = "Has onNewImage look for what it missed."
  schedule    = var.reconcile
  time_zone   = "Etc/UTC"

  pubsub_target {
    topic_name = local.topic
    attributes = { action = "reconcile" }
    data       = base64encode("{}")
  }

  depends_on = [google_pubsub_topic.builds]
}
