# Each is the next command, or what is asked next.

output "first_build" {
  description = "The command that builds the newest commit now; null until a repository is connected. It goes live by itself."
  value       = module.registry_and_build.first_build
}

output "url" {
  description = "The service's address."
  value       = module.service.url
}

output "proxy" {
  description = "The command after which one of open_to finds it at localhost:8080; null where it is closed."
  value       = module.service.proxy
}

output "models_bucket" {
  description = "Where slipway push-model puts a model: gs://…"
  value       = "gs://${module.data.models_bucket}"
}

output "prediction_table" {
  description = "The table of predictions: BIGQUERY_TABLE of the server."
  value       = module.data.table
}

output "look_at_dead_letters" {
  description = "The command that shows messages that nobody could take."
  value       = module.deployer.look_at_dead_letters
}

output "put_secrets" {
  description = "The commands that give the secrets their values; then they are named in secrets_with_value."
  value       = module.data.put_secrets
}
