output "policies" {
  description = "The alert policies' ids, by what they tell."
  value = merge(
    {
      rolled_back  = google_monitoring_alert_policy.rolled_back.id
      dead_letters = google_monitoring_alert_policy.dead_letters.id
    },
    { for name, policy in google_monitoring_alert_policy.promise : name => policy.id },
  )
}

output "rolled_back_metric" {
  description = "The metric that counts rollouts taken back, for charts."
  value       = "logging.googleapis.com/user/${google_logging_metric.rolled_back.name}"
}
