variable "project" {
  description = "The id of the Google Cloud project."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project = \"${var.project}\": must be a project's id, 6 to 30 of a-z, 0-9 and -."
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

variable "project_number" {
  description = "The project's number."
  type        = string
}

variable "cluster" {
  description = "Where the server is in a cluster: its pool of Workload Identity and the server's namespace. Null: a Cloud Run service."
  type = object({
    workload_pool = string
    namespace     = optional(string, "slipway")
  })
  default = null
}

variable "service" {
  description = "Where the server is a Cloud Run service: its name and region. Null: a cluster."
  type = object({
    name   = string
    region = string
  })
  default = null
}

variable "function" {
  description = "The Cloud Run service of onNewImage, by which its log is found."
  type        = string
}

variable "dead_letters" {
  description = "The subscription that keeps dead letters."
  type        = string
}

variable "email" {
  description = "Who is told; null: nobody, and incidents stand in the console alone."
  type        = string
  default     = null

  validation {
    condition     = var.email == null ? true : can(regex("^[^@\\s]+@[^@\\s]+$", var.email))
    error_message = "email = ${jsonencode(var.email)}: must be one address, or null."
  }
}

variable "most_errors" {
  description = "Which part of the answers may be 5xx, over 5 minutes."
  type        = number
  default     = 0.02

  validation {
    condition     = var.most_errors > 0 && var.most_errors < 1
    error_message = "most_errors = ${var.most_errors}: must be more than 0 and less than 1."
  }
}

variable "most_seconds" {
  description = "How long 95 of 100 pictures may wait for the network, or be in it, over 5 minutes; of a Cloud Run service whole requests."
  type        = number
  default     = 10

  validation {
    condition     = var.most_seconds > 0 && var.most_seconds <= 60
    error_message = "most_seconds = ${var.most_seconds}: must be more than 0, and at most 60, which INFERENCE_TIMEOUT_S cuts off at."
  }
}

variable "budget" {
  description = "An alert as the project's cost nears an amount a month, in the billing account's currency; null: none."
  type = object({
    billing_account = string
    amount          = number
  })
  default = null

  validation {
    condition = var.budget == null ? true : (
      can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.budget.billing_account)) &&
      var.budget.amount >= 1 && floor(var.budget.amount) == var.budget.amount
    )
    error_message = "budget = ${jsonencode(var.budget)}: billing_account must be as 012345-6789AB-CDEF01, amount a whole number from 1."
  }
}
