variable "project" {
  description = "The id of the Google Cloud project."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project = \"${var.project}\": must be a project's id, 6 to 30 of a-z, 0-9 and -."
  }
}

variable "region" {
  description = "The region, such as europe-west1."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region = \"${var.region}\": must be a region, such as europe-west1, not a zone."
  }
}

variable "prefix" {
  description = "What names begin with, where a project is shared; empty where it is ours alone."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([a-z][a-z0-9]{0,9}-)?$", var.prefix))
    error_message = "prefix = \"${var.prefix}\": must be empty, or at most 10 of a-z and 0-9 and a -."
  }
}

variable "workload_pool" {
  description = "The cluster's pool of Workload Identity; null: there is no cluster."
  type        = string
  default     = null

  validation {
    condition     = var.workload_pool == null ? true : endswith(var.workload_pool, ".svc.id.goog")
    error_message = "workload_pool = ${jsonencode(var.workload_pool)}: must be a project's pool: ….svc.id.goog."
  }
}

variable "namespace" {
  description = "The namespace whose service account ml-model acts as the Google account made here."
  type        = string
  default     = "slipway"

  validation {
    condition     = can(regex("^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$", var.namespace))
    error_message = "namespace = \"${var.namespace}\": must be 1 to 63 of a-z, 0-9 and -."
  }
}

variable "old_versions_days" {
  description = "How long a model that was overwritten or deleted can be brought back."
  type        = number
  default     = 30

  validation {
    condition     = var.old_versions_days >= 1 && var.old_versions_days <= 3650
    error_message = "old_versions_days = ${var.old_versions_days}: must be 1 to 3650."
  }
}

variable "rows_days" {
  description = "How long rows of predictions are kept; null: for ever."
  type        = number
  default     = null

  validation {
    condition     = var.rows_days == null ? true : var.rows_days >= 1 && var.rows_days <= 36500
    error_message = "rows_days = ${jsonencode(var.rows_days)}: must be 1 to 36500, or null."
  }
}

variable "is_kept" {
  description = "Whether destroy refuses to delete models and predictions, until this is applied as false."
  type        = bool
  default     = true
}
