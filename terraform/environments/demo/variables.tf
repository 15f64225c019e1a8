variable "project" {
  description = "The id of the Google Cloud project. It exists, and a billing account is linked to it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project = \"${var.project}\": must be a project's id, 6 to 30 of a-z, 0-9 and -."
  }
}

variable "region" {
  description = "The region of all parts that have one."
  type        = string
  default     = "europe-west1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region = \"${var.region}\": must be a region, such as europe-west1, not a zone."
  }
}

variable "prefix" {
  description = "What names begin with, where the project is shared, such as team-."
  type        = string
  default     = ""
}

variable "github" {
  description = "The repository that is pushed to, once Cloud Build's GitHub app sees it; null: no trigger yet."
  type = object({
    owner = string
    name  = string
  })
  default = null
}

variable "connected_repository" {
  description = "In place of github: a repository of a connection of the second generation, by its whole id."
  type        = string
  default     = null
}

variable "build_region" {
  description = "Where builds run: global, or a region; with connected_repository its region."
  type        = string
  default     = "global"
}

variable "make_topic" {
  description = "Whether the topic cloud-builds is made; false where the project has it already."
  type        = bool
  default     = true
}

variable "alert_email" {
  description = "Who is told of what goes wrong; null: nobody."
  type        = string
  default     = null
}
