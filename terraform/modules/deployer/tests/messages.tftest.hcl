mock_provider "archive" {}
mock_provider "google" {}

variables {
  project           = "some-project"
  region            = "europe-west1"
  pubsub_agent      = "serviceAccount:agent@example.com"
  source_folder     = "../../../cloud_function"
  cluster           = { name = "slipway", location = "europe-west1" }
  images_repository = "slipway"
}

override_resource {
  target = google_service_account.onnewimage
  values = {
    email = "onnewimage@some-project.iam.gserviceaccount.com"
    id    = "projects/some-project/serviceAccounts/onnewimage@some-project.iam.gserviceaccount.com"
    name  = "projects/some-project/serviceAccounts/onnewimage@some-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.function_build
  values = {
    email = "onnewimage-build@some-project.iam.gserviceaccount.com"
    id    = "projects/some-project/serviceAccounts/onnewimage-build@some-project.iam.gserviceaccount.com"
    name  = "projects/some-project/serviceAccounts/onnewimage-build@some-project.iam.gserviceaccount.com"
  }
}

override_resource {
  target = google_service_account.push
  values = {
    email = "onnewimage-push@some-project.iam.gserviceaccount.com"
    id    = "projects/some-project/serviceAccounts/onnewimage-push@some-project.iam.gserviceaccount.com"
    name  = "projects/some-project/serviceAccounts/onnewimage-push@some-project.iam.gserviceaccount.com"
  }
}

run "the_topic_is_the_one_that_cloud_build_publishes_to" {
  variables {
    prefix = "team-"
  }
  assert {
    condition     = google_pubsub_topic.builds[0].name == "cloud-builds"
    error_message = "no message would ever come: Cloud Build knows one name"
  }
  assert {
    condition     = google_pubsub_subscription.onnewimage.topic == "projects/some-project/topics/cloud-builds"
    error_message = "the function listens elsewhere"
  }
}

run "a_topic_that_is_there_already_is_used" {
  variables {
    make_topic = false
  }
  assert {
    condition     = length(google_pubsub_topic.builds) == 0
    error_message = "the topic is made a second time, which fails"
  }
  assert {
    condition     = google_pubsub_subscription.onnewimage.topic == "projects/some-project/topics/cloud-builds"
    error_message = "the function listens elsewhere"
  }
}

run "pubsub_waits_as_long_as_a_watch_takes" {
  assert {
    condition     = google_pubsub_subscription.onnewimage.ack_deadline_seconds == 600
    error_message = "a rollout is watched for up to 480 s in one call"
  }
  assert {
    condition = (
      one(google_pubsub_subscription.onnewimage.retry_policy).minimum_backoff == "10s" &&
      one(google_pubsub_subscription.onnewimage.retry_policy).maximum_backoff == "60s"
    )
    error_message = "the next look would come at once, or minutes later"
  }
  assert {
    condition     = one(google_pubsub_subscription.onnewimage.expiration_policy).ttl == ""
    error_message = "after a month without a push there would be no subscription"
  }
}

run "the_push_says_who_it_is_and_what_it_cannot_bring_is_kept" {
  assert {
    condition = (
      one(one(google_pubsub_subscription.onnewimage.push_config).oidc_token).service_account_email ==
      google_service_account.push.email
    )
    error_message = "the push comes without a name"
  }
  assert {
    condition = (
      one(one(google_pubsub_subscription.onnewimage.push_config).oidc_token).audience ==
      one(google_pubsub_subscription.onnewimage.push_config).push_endpoint
    )
    error_message = "Cloud Run takes tokens for its own address alone"
  }
  assert {
    condition = (
      google_cloud_run_v2_service_iam_member.push.role == "roles/run.invoker" &&
      google_cloud_run_v2_service_iam_member.push.name == "onnewimage" &&
      google_cloud_run_v2_service_iam_member.push.member == "serviceAccount:${google_service_account.push.email}"
    )
    error_message = "the right to call is for this one service"
  }
  assert {
    condition = (
      google_service_account_iam_member.push_token.role == "roles/iam.serviceAccountOpenIdTokenCreator" &&
      google_service_account_iam_member.push_token.member == "serviceAccount:agent@example.com"
    )
    error_message = "Pub/Sub could make no token"
  }
  assert {
    condition     = one(google_pubsub_subscription.onnewimage.dead_letter_policy).dead_letter_topic == google_pubsub_topic.dead.id
    error_message = "there is no dead-letter topic"
  }
  assert {
    condition     = google_pubsub_subscription.dead.topic == google_pubsub_topic.dead.id
    error_message = "a topic that nobody is subscribed to keeps nothing"
  }
  assert {
    condition = (
      google_pubsub_topic_iam_member.dead.role == "roles/pubsub.publisher" &&
      google_pubsub_topic_iam_member.dead.topic == google_pubsub_topic.dead.name &&
      google_pubsub_topic_iam_member.dead.member == "serviceAccount:agent@example.com"
    )
    error_message = "Pub/Sub's agent may not put a dead letter there"
  }
  assert {
    condition = (
      google_pubsub_subscription_iam_member.dead.role == "roles/pubsub.subscriber" &&
      google_pubsub_subscription_iam_member.dead.subscription == google_pubsub_subscription.onnewimage.name &&
      google_pubsub_subscription_iam_member.dead.member == "serviceAccount:agent@example.com"
    )
    error_message = "Pub/Sub's agent may not take a dead letter away"
  }
}

run "what_was_missed_is_looked_for_every_quarter_of_an_hour" {
  assert {
    condition = (
      google_cloud_scheduler_job.reconcile.schedule == "*/15 * * * *" &&
      one(google_cloud_scheduler_job.reconcile.pubsub_target).topic_name == "projects/some-project/topics/cloud-builds" &&
      one(google_cloud_scheduler_job.reconcile.pubsub_target).attributes.action == "reconcile"
    )
    error_message = "a message that is lost stays lost"
  }
}

run "fewer_attempts_than_pubsub_takes_are_refused" {
  command = plan
  variables {
    max_delivery_attempts = 4
  }
  expect_failures = [var.max_delivery_attempts]
}

run "half_a_schedule_is_refused" {
  command = plan
  variables {
    reconcile = "every hour"
  }
  expect_failures = [var.reconcile]
}

run "an_agent_that_is_no_member_is_refused" {
  command = plan
  variables {
    pubsub_agent = "agent@example.com"
  }
  expect_failures = [var.pubsub_agent]
}
