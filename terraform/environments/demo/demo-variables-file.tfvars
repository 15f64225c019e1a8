# What differs from project to project. Every variable is in variables.tf.
project = "my-project"
region  = "europe-west1"

# After the repository is connected: console.cloud.google.com/cloud-build/triggers/connect
# github = { owner = "my-name", name = "slipway" }
