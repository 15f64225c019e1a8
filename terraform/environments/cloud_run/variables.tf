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

variable "branch" {
  description = "Which branches a push to is built, as a regular expression."
  type        = string
  default     = "^main$"
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

variable "open_to" {
  description = "Who may ask, from the internet too: members such as user:me@example.com, or allUsers alone; empty: closed."
  type        = set(string)
  default     = []
}

variable "min_instances" {
  description = "How many instances there always are; with 0 nothing is paid while nobody asks, and the first one waits."
  type        = number
  default     = 0
}

variable "max_instances" {
  description = "How many instances there are at most."
  type        = number
  default     = 3
}

variable "concurrency" {
  description = "How many requests one instance has at once, before another one starts."
  type        = number
  default     = 4
}

variable "memory" {
  description = "What an instance has, 2Gi to 8Gi."
  type        = string
  default     = "2Gi"
}

variable "deletion_protection" {
  description = "Whether destroy refuses to delete service, models and predictions, until this is applied as false."
  type        = bool
  default     = false
}

variable "rows_days" {
  description = "How long rows of predictions are kept; null: for ever."
  type        = number
  default     = null
}

variable "rollout_settings" {
  description = "Further settings of onNewImage, such as REFS or APPROVAL: docs/rollout.md."
  type        = map(string)
  default     = {}
}

variable "secrets_with_value" {
  description = "Which secrets have a value by now: SLACK_WEBHOOK_URL, GITHUB_TOKEN."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setsubtract(var.secrets_with_value, ["SLACK_WEBHOOK_URL", "GITHUB_TOKEN"])) == 0
    error_message = "secrets_with_value = ${jsonencode(var.secrets_with_value)}: must be of SLACK_WEBHOOK_URL and GITHUB_TOKEN."
  }
}

variable "budget" {
  description = "An alert as a month's cost nears an amount; needs a right on the billing account. Null: none."
  type = object({
    billing_account = string
    amount          = number
  })
  default = null
}
