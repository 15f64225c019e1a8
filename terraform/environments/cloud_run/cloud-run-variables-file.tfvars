# What differs from project to project. Every variable is in variables.tf.
project = "my-project"
region  = "europe-west1"

# After the repository is connected: console.cloud.google.com/cloud-build/triggers/connect
# github = { owner = "my-name", name = "slipway" }

# alert_email = "team@example.com"
# budget      = { billing_account = "012345-6789AB-CDEF01", amount = 50 }

# Closed until this is said. For everybody: open_to = ["allUsers"].
# open_to = ["user:me@example.com"]
