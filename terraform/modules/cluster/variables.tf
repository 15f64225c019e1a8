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

variable "mode" {
  description = "autopilot: Google keeps the nodes, pods are paid for; standard: node pools of our own, GPUs too."
  type        = string
  default     = "autopilot"

  validation {
    condition     = contains(["autopilot", "standard"], var.mode)
    error_message = "mode = \"${var.mode}\": must be autopilot or standard."
  }
}

variable "zone" {
  description = "For a standard cluster in one zone, the cheaper one; null: in all zones of the region."
  type        = string
  default     = null

  validation {
    condition     = var.zone == null ? true : can(regex("^[a-z]+-[a-z]+[0-9]+-[a-z]$", var.zone))
    error_message = "zone = ${jsonencode(var.zone)}: must be a zone, such as europe-west1-b, or null."
  }
}

variable "network" {
  description = "The network's id."
  type        = string
}

variable "subnetwork" {
  description = "The id of the nodes' subnetwork."
  type        = string
}

variable "pods_range" {
  description = "The name of the subnetwork's range for pods."
  type        = string
}

variable "services_range" {
  description = "The name of the subnetwork's range for services."
  type        = string
}

variable "release_channel" {
  description = "How soon a new Kubernetes comes."
  type        = string
  default     = "REGULAR"

  validation {
    condition     = contains(["RAPID", "REGULAR", "STABLE", "EXTENDED"], var.release_channel)
    error_message = "release_channel = \"${var.release_channel}\": must be RAPID, REGULAR, STABLE or EXTENDED."
  }
}

variable "maintenance" {
  description = "When Google may change nodes, in UTC: it drains pods then."
  type = object({
    start_time = optional(string, "2026-01-03T01:00:00Z")
    end_time   = optional(string, "2026-01-03T07:00:00Z")
    recurrence = optional(string, "FREQ=WEEKLY;BYDAY=SA,SU")
  })
  default = {}

  validation {
    condition     = can(timecmp(var.maintenance.start_time, var.maintenance.end_time))
    error_message = "maintenance = ${jsonencode(var.maintenance)}: start_time and end_time must be times such as 2026-01-03T01:00:00Z."
  }
}

variable "deletion_protection" {
  description = "Whether destroy refuses to delete the cluster, until this is applied as false."
  type        = bool
  default     = true
}

variable "pool" {
  description = "The nodes of a standard cluster. A pod asks for 2 CPUs and 4 GiB, and a node keeps some for itself."
  type = object({
    machine_type = optional(string, "e2-standard-4")
    min          = optional(number, 1)
    max          = optional(number, 6)
    spot         = optional(bool, false)
  })
  default = {}

  validation {
    condition     = var.pool.min >= 1 && var.pool.max >= var.pool.min && var.pool.max <= 1000
    error_message = "pool = ${jsonencode(var.pool)}: 1 <= min <= max <= 1000, of each zone."
  }
}

variable "gpu" {
  description = "A second pool of a standard cluster, with GPUs, empty until a pod asks for one; null: none."
  type = object({
    type         = string
    count        = optional(number, 1)
    machine_type = string
    max          = optional(number, 1)
    spot         = optional(bool, false)
  })
  default = null

  validation {
    condition = var.gpu == null ? true : (
      var.gpu.max >= 1 && var.gpu.max <= 100 && contains([1, 2, 4, 8, 16], var.gpu.count)
    )
    error_message = "gpu = ${jsonencode(var.gpu)}: max must be 1 to 100, and count 1, 2, 4, 8 or 16."
  }
}
