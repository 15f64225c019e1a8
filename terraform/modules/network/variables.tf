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

variable "ranges" {
  description = "Private addresses: of nodes, of pods and of services."
  type = object({
    nodes    = optional(string, "10.10.0.0/20")
    pods     = optional(string, "10.20.0.0/16")
    services = optional(string, "10.30.0.0/20")
  })
  default = {}

  validation {
    condition     = alltrue([for range in values(var.ranges) : can(cidrhost(range, 0))])
    error_message = "ranges = ${jsonencode(var.ranges)}: each must be a range of addresses, such as 10.10.0.0/20."
  }
}

variable "proxy_only_range" {
  description = "Addresses for a Gateway inside of the network (gke-l7-rilb), at least a /26; null where there is none."
  type        = string
  default     = null

  validation {
    condition = (
      var.proxy_only_range == null ? true :
      can(cidrhost(var.proxy_only_range, 0)) && try(tonumber(split("/", var.proxy_only_range)[1]) <= 26, false)
    )
    error_message = "proxy_only_range = ${jsonencode(var.proxy_only_range)}: must be a range of at least 64 addresses (/26)."
  }
}

variable "nat" {
  description = "Whether nodes may call the internet. Google's APIs and registries they reach without."
  type        = bool
  default     = false
}

variable "expose" {
  description = "Opens the way in from the internet: a domain, and whom it lets in, by address or by IAP. Null: closed."
  type = object({
    domain              = string
    allow               = optional(list(string), [])
    iap_members         = optional(set(string), [])
    requests_per_minute = optional(number)
  })
  default = null

  validation {
    condition     = var.expose == null ? true : can(regex("^([a-z0-9-]+\\.)+[a-z]{2,}$", var.expose.domain))
    error_message = "expose = ${jsonencode(var.expose)}: domain must be a host's name, such as models.example.com."
  }
  validation {
    condition     = var.expose == null ? true : length(var.expose.allow) + length(var.expose.iap_members) > 0
    error_message = "expose = ${jsonencode(var.expose)}: needs allow, iap_members or both; for everybody: allow = [\"0.0.0.0/0\"]."
  }
  validation {
    condition = var.expose == null ? true : (
      length(var.expose.allow) <= 10 && alltrue([for range in var.expose.allow : can(cidrhost(range, 0))])
    )
    error_message = "expose = ${jsonencode(var.expose)}: allow must hold at most 10 ranges, as Cloud Armor takes them in a rule."
  }
  validation {
    condition = var.expose == null ? true : (
      var.expose.requests_per_minute == null ? true :
      var.expose.requests_per_minute >= 1 && length(var.expose.allow) > 0
    )
    error_message = "expose = ${jsonencode(var.expose)}: requests_per_minute must be at least 1, and counts those that allow lets in."
  }
}
