# What is promised where the server is a Cloud Run service.

locals {
  reason_in_service = var.service == null ? [] : [join(" ", [
    "`gcloud run services describe ${var.service.name} --project=${var.project} --region=${var.service.region}",
    "--format='yaml(metadata.annotations)'` has the reason, in `slipway.dev/reason`.",
  ])]

  # Of Cloud Run's own metrics. The server's own are collected by nobody here: that takes a sidecar.
  promises_of_service = var.service == null ? {} : {
    errors = {
      title = "ml-model answers with errors"
      query = <<-PROMQL
        sum(rate(run_googleapis_com:request_count{monitored_resource="cloud_run_revision",service_name="${var.service.name}",response_code_class="5xx"}[5m]))
          / sum(rate(run_googleapis_com:request_count{monitored_resource="cloud_run_revision",service_name="${var.service.name}"}[5m]))
          > ${var.most_errors}
      PROMQL
      help  = <<-TEXT
        More than ${var.most_errors * 100} of 100 answers are 5xx. The log says why:
        `gcloud run services logs read ${var.service.name} --project=${var.project} --region=${var.service.region} --limit=50`.
        Where it began with a rollout, `python -m rollout rollback` brings the image before.
      TEXT
    }
    latency = {
      title = "ml-model is slow"
      # Of whole requests, in ms: what waits for the network, and what is in it, is not told apart.
      query = <<-PROMQL
        histogram_quantile(0.95, sum by (le) (
          rate(run_googleapis_com:request_latencies_bucket{monitored_resource="cloud_run_revision",service_name="${var.service.name}"}[5m])
        )) > ${var.most_seconds * 1000}
      PROMQL
      help  = <<-TEXT
        5 of 100 requests take more than ${var.most_seconds} s. Where `max_instances` are there already, more of them
        share the work; where pictures wait in one instance, a lower `concurrency` starts the next one sooner.
      TEXT
    }
  }
}
