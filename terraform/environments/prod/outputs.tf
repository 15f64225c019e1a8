# Each is the next command, or what a file holds next.

output "project_yaml" {
  description = "The manifests' own file: terraform output -raw project_yaml > …/kubernetes/overlays/gke/project.yaml"
  value = templatefile("${path.module}/../project.yaml.tftpl", {
    image                   = module.registry_and_build.image
    google_service_account  = module.data.server_service_account
    rollout_service_account = module.deployer.service_account
    gcp_bucket_name         = module.data.models_bucket
    bigquery_dataset        = module.data.dataset
    bigquery_table          = module.data.table
  })
}

output "get_credentials" {
  description = "The command after which kubectl talks to the cluster."
  value       = module.cluster.get_credentials
}

output "apply" {
  description = "The command that applies the manifests, once project.yaml is written: from the repository's root."
  value = join("", [
    "kubernetes/apply.sh gke",
    try(module.network.front.security_policy, null) == null ? "" : "-allow",
    try(module.network.front.iap, false) ? "-iap" : "",
  ])
}

output "first_build" {
  description = "The command that builds the newest commit now; null until a repository is connected."
  value       = module.registry_and_build.first_build
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

output "front" {
  description = "What the Gateway's manifests name: address, certificate map, security policy. Null where all is closed."
  value       = module.network.front
}

output "dns_records" {
  description = "The records that the domain needs."
  value       = module.network.dns_records
}
