terraform {
  required_version = ">= 1.7"
  required_providers {
    # The tests hold this to the schema of 6.50.
    google = {
      source  = "hashicorp/google"
      version = ">= 6.50, < 7.0"
    }
  }
}

# Asks are counted to this project, not to the one that a person's own login belongs to: some APIs,
# that of budgets for one, insist on it.
provider "google" {
  project               = var.project
  region                = var.region
  billing_project       = var.project
  user_project_override = true
}
