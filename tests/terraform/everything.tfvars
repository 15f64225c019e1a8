# All that a root of prod can be asked for at once, for the tests.
project            = "some-project"
prefix             = "team-"
github             = { owner = "somebody", name = "slipway" }
make_topic         = false
mode               = "standard"
zone               = "europe-west1-b"
gpu                = { type = "nvidia-l4", machine_type = "g2-standard-4" }
nat                = true
proxy_only_range   = "10.40.0.0/24"
alert_email        = "team@example.com"
rows_days          = 90
targets            = [{ cluster = "team-slipway", zone = "europe-west1-b", deployment = "ml-model" }]
rollout_settings   = { APPROVAL = "required" }
secrets_with_value = ["GITHUB_TOKEN", "SLACK_WEBHOOK_URL"]
budget             = { billing_account = "012345-6789AB-CDEF01", amount = 300 }
expose = {
  domain              = "models.example.com"
  allow               = ["198.51.100.0/24"]
  iap_members         = ["group:team@example.com"]
  requests_per_minute = 600
}
