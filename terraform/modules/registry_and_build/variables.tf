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

variable "repository" {
  description = "The name of the repository of images: _REPOSITORY of cloudbuild.yaml."
  type        = string
  default     = "slipway"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,61}[a-z0-9]$", var.repository))
    error_message = "repository = \"${var.repository}\": must be 2 to 63 of a-z, 0-9 and -, beginning with a letter."
  }
}

variable "readers" {
  description = "Who pulls images: a name of your choice => an account's address."
  type        = map(string)
}

variable "models_bucket" {
  description = "The bucket that a build brings models by reference from."
  type        = string
}

variable "keep_days" {
  description = "An image that is neither live nor among the newest is deleted after so many days."
  type        = number
  default     = 30

  validation {
    condition     = var.keep_days >= 1 && var.keep_days <= 3650
    error_message = "keep_days = ${var.keep_days}: must be 1 to 3650."
  }
}

variable "keep_newest" {
  description = "So many images stay, however old they are."
  type        = number
  default     = 20

  validation {
    condition     = var.keep_newest >= 2 && var.keep_newest <= 1000
    error_message = "keep_newest = ${var.keep_newest}: must be 2 to 1000: the one that serves, and the one to go back to."
  }
}

variable "github" {
  description = "A repository that Cloud Build's GitHub app sees (a connection of the first generation); null: none."
  type = object({
    owner = string
    name  = string
  })
  default = null
}

variable "connected_repository" {
  description = "A repository of a connection of the second generation, by its whole id; null: none."
  type        = string
  default     = null

  validation {
    condition = var.connected_repository == null ? true : can(regex(
      "^projects/[^/]+/locations/[^/]+/connections/[^/]+/repositories/[^/]+$", var.connected_repository
    ))
    error_message = "connected_repository = ${jsonencode(var.connected_repository)}: must be projects/…/locations/…/connections/…/repositories/…."
  }
}

variable "branch" {
  description = "Which branches a push to is built, as a regular expression."
  type        = string
  default     = "^main$"

  validation {
    condition     = can(regexall(var.branch, "")) && startswith(var.branch, "^") && endswith(var.branch, "$")
    error_message = "branch = \"${var.branch}\": must be a regular expression of the whole name: ^…$."
  }
}

variable "build_region" {
  description = "Where builds run: global, or a region; a connection of the second generation has a region."
  type        = string
  default     = "global"

  validation {
    condition     = can(regex("^(global|[a-z]+-[a-z]+[0-9]+)$", var.build_region))
    error_message = "build_region = \"${var.build_region}\": must be global or a region, such as europe-west1."
  }
}
