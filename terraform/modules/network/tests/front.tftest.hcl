mock_provider "google" {}

variables {
  project = "some-project"
  region  = "europe-west1"
  expose  = { domain = "models.example.com", allow = ["198.51.100.0/24"] }
}

run "only_those_of_the_list_come_in" {
  assert {
    condition = one([
      for rule in google_compute_security_policy.front[0].rule :
      rule.action if rule.priority == 2147483647
    ]) == "deny(403)"
    error_message = "who is not on the list is let in"
  }
  assert {
    condition = one([
      for rule in google_compute_security_policy.front[0].rule :
      one(one(rule.match).config).src_ip_ranges if rule.action == "allow"
    ]) == toset(["198.51.100.0/24"])
    error_message = "others than those of the list are let in"
  }
}

run "the_certificate_map_has_the_name_that_the_manifests_expect" {
  assert {
    condition     = output.front.certificate_map == "ml-model"
    error_message = "kubernetes/components/gateway-https names the map ml-model, not ${output.front.certificate_map}"
  }
  assert {
    condition     = google_certificate_manager_certificate_map_entry.front[0].hostname == "models.example.com"
    error_message = "the certificate is not for the domain"
  }
  assert {
    condition     = output.dns_records[0].name == "models.example.com." && output.dns_records[0].type == "A"
    error_message = "nobody is told what the domain needs"
  }
}

run "a_limit_is_answered_as_the_server_answers" {
  variables {
    expose = { domain = "models.example.com", allow = ["0.0.0.0/0"], requests_per_minute = 60 }
  }
  assert {
    condition = one([
      for rule in google_compute_security_policy.front[0].rule :
      one(rule.rate_limit_options).exceed_action if rule.action == "throttle"
    ]) == "deny(429)"
    error_message = "one request too many is not told by 429"
  }
}

run "iap_alone_needs_no_list_of_addresses" {
  variables {
    expose = { domain = "models.example.com", iap_members = ["group:team@example.com"] }
  }
  assert {
    condition     = length(google_compute_security_policy.front) == 0 && output.front.iap
    error_message = "IAP asks who they are, not where"
  }
  assert {
    condition     = google_iap_web_iam_member.front["group:team@example.com"].role == "roles/iap.httpsResourceAccessor"
    error_message = "the group is not let through IAP"
  }
}

run "open_to_nobody_in_particular_is_refused" {
  command = plan
  variables {
    expose = { domain = "models.example.com" }
  }
  expect_failures = [var.expose]
}

run "an_address_in_place_of_a_domain_is_refused" {
  command = plan
  variables {
    expose = { domain = "198.51.100.7", allow = ["0.0.0.0/0"] }
  }
  expect_failures = [var.expose]
}

run "more_ranges_than_a_rule_takes_are_refused" {
  command = plan
  variables {
    expose = {
      domain = "models.example.com"
      allow  = [for number in range(11) : "198.51.100.${number}/32"]
    }
  }
  expect_failures = [var.expose]
}

run "a_limit_for_nobody_is_refused" {
  command = plan
  variables {
    expose = { domain = "models.example.com", iap_members = ["user:a@example.com"], requests_per_minute = 60 }
  }
  expect_failures = [var.expose]
}
