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

variable "pubsub_agent" {
  description = "Pub/Sub's service agent, as a member."
  type        = string

  validation {
    condition     = startswith(var.pubsub_agent, "serviceAccount:")
    error_message = "pubsub_agent = \"${var.pubsub_agent}\": must be a member: serviceAccount:…."
  }
}

variable "source_folder" {
  description = "The folder of the function's code: cloud_function."
  type        = string

  validation {
    condition     = fileexists("${var.source_folder}/main.py") && fileexists("${var.source_folder}/requirements.txt")
    error_message = "source_folder = \"${var.source_folder}\": must hold main.py and requirements.txt."
  }
}

variable "cluster" {
  description = "The cluster that the Deployment is in; null: it is rolled out to a Cloud Run service."
  type = object({
    name       = string
    location   = string
    namespace  = optional(string, "slipway")
    deployment = optional(string, "ml-model")
  })
  default = null
}

variable "service" {
  description = "The Cloud Run service in place of a cluster, the account that it runs as by its whole name, and the image that builds push; null: a cluster."
  type = object({
    name            = string
    region          = string
    service_account = string
    image           = string
  })
  default = null
}

variable "targets" {
  description = "Several targets in place of one, as docs/rollout.md has them; empty: the one that cluster or service tells."
  type        = list(map(string))
  default     = []
}

variable "build_region" {
  description = "Where builds run: global, or a region."
  type        = string
  default     = "global"
}

variable "settings" {
  description = "Further settings of docs/rollout.md, such as REFS or APPROVAL."
  type        = map(string)
  default     = {}

  validation {
    condition = length(setintersection(keys(var.settings), [
      "PROJECT", "ZONE", "CLUSTER", "NAMESPACE", "DEPLOYMENT", "SERVICE", "REGION", "TARGETS",
      "BUILD_REGION", "SLACK_WEBHOOK_URL", "GITHUB_TOKEN",
    ])) == 0
    error_message = "settings = ${jsonencode(keys(var.settings))}: what has a variable of its own, or is a secret, must not be here."
  }
}

variable "secrets" {
  description = "Secrets that have a value by now: SLACK_WEBHOOK_URL or GITHUB_TOKEN => the secret's name."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.secrets), ["SLACK_WEBHOOK_URL", "GITHUB_TOKEN"])) == 0
    error_message = "secrets = ${jsonencode(keys(var.secrets))}: must be SLACK_WEBHOOK_URL or GITHUB_TOKEN."
  }
}

variable "images_repository" {
  description = "The repository in which the function moves the tags live and previous."
  type        = string
}

variable "make_topic" {
  description = "Whether the topic cloud-builds is made here; false where the project has it already."
  type        = bool
  default     = true
}

variable "max_instances" {
  description = "How many may run at once. One watches a rollout for minutes, and each message of each build starts one."
  type        = number
  default     = 5

  validation {
    condition     = var.max_instances >= 2 && var.max_instances <= 100
    error_message = "max_instances = ${var.max_instances}: must be 2 to 100."
  }
}

variable "max_delivery_attempts" {
  description = "After so many tries a message becomes a dead letter."
  type        = number
  default     = 100

  validation {
    condition     = var.max_delivery_attempts >= 5 && var.max_delivery_attempts <= 100
    error_message = "max_delivery_attempts = ${var.max_delivery_attempts}: must be 5 to 100, as Pub/Sub takes it."
  }
}

variable "reconcile" {
  description = "When missed builds are looked for, as cron has it, in UTC."
  type        = string
  default     = "*/15 * * * *"

  validation {
    condition     = length(split(" ", var.reconcile)) == 5
    error_message = "reconcile = \"${var.reconcile}\": must be five fields, such as */15 * * * *."
  }
}
