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

variable "open_to" {
  description = "Who may ask, from the internet too: members such as user:me@example.com, or allUsers alone; empty: nobody, and only from within."
  type        = set(string)
  default     = []

  validation {
    condition = alltrue([
      for member in var.open_to :
      member == "allUsers" || can(regex("^(user|group|serviceAccount|domain):[^\\s:]+$|^principal(Set)?://[^\\s]+$", member))
    ])
    error_message = "open_to = ${jsonencode(var.open_to)}: each must be a member such as user:me@example.com, or allUsers; allAuthenticatedUsers is anybody with a Google account."
  }
  validation {
    condition     = !contains(var.open_to, "allUsers") || length(var.open_to) == 1
    error_message = "open_to = ${jsonencode(var.open_to)}: beside allUsers there must be nobody: it lets in everybody."
  }
}

variable "min_instances" {
  description = "How many instances there always are; with 0 the first picture after a pause waits until the models are loaded."
  type        = number
  default     = 0

  validation {
    condition     = var.min_instances >= 0 && var.min_instances <= 100 && floor(var.min_instances) == var.min_instances
    error_message = "min_instances = ${var.min_instances}: must be a whole number from 0 to 100."
  }
}

variable "max_instances" {
  description = "How many instances there are at most, and so what a day can cost."
  type        = number
  default     = 3

  validation {
    condition     = var.max_instances >= 1 && var.max_instances <= 100 && floor(var.max_instances) == var.max_instances
    error_message = "max_instances = ${var.max_instances}: must be a whole number from 1 to 100."
  }
}

variable "concurrency" {
  description = "How many requests one instance has at once. Each may hold a photo in memory; beyond that another instance starts."
  type        = number
  default     = 4

  validation {
    condition     = var.concurrency >= 1 && var.concurrency <= 32 && floor(var.concurrency) == var.concurrency
    error_message = "concurrency = ${var.concurrency}: must be a whole number from 1 to 32, which is QUEUE_LIMIT: more would be refused."
  }
}

variable "memory" {
  description = "What an instance has: the models, photos in decoding, and temporary files, which are in memory too."
  type        = string
  default     = "2Gi"

  validation {
    condition     = can(regex("^[2-8]Gi$", var.memory))
    error_message = "memory = \"${var.memory}\": must be 2Gi to 8Gi, which is the most that Cloud Run gives to 2 CPUs."
  }
}

variable "deletion_protection" {
  description = "Whether destroy refuses to delete the service, until this is applied as false."
  type        = bool
  default     = true
}
