output "network" {
  description = "The network's id."
  value       = google_compute_network.this.id
}

output "subnetwork" {
  description = "The id of the nodes' subnetwork."
  value       = google_compute_subnetwork.nodes.id
}

output "pods_range" {
  description = "The name of the pods' addresses."
  value       = google_compute_subnetwork.nodes.secondary_ip_range[0].range_name
}

output "services_range" {
  description = "The name of the services' addresses."
  value       = google_compute_subnetwork.nodes.secondary_ip_range[1].range_name
}

output "front" {
  description = "What the Gateway's manifests name, null where all is closed."
  value = one([
    for number, open in local.opened : {
      domain          = open.domain
      address         = google_compute_global_address.front[number].address
      address_name    = google_compute_global_address.front[number].name
      certificate_map = google_certificate_manager_certificate_map.front[number].name
      security_policy = one(google_compute_security_policy.front[*].name)
      iap             = length(open.iap_members) > 0
    }
  ])
}

output "dns_records" {
  description = "The records that the domain needs: one for the address, one that proves whose the domain is."
  value = flatten([
    for number, open in local.opened : concat(
      [{ name = "${open.domain}.", type = "A", data = google_compute_global_address.front[number].address }],
      [
        for record in google_certificate_manager_dns_authorization.front[number].dns_resource_record :
        { name = record.name, type = record.type, data = record.data }
      ]
    )
  ])
}
