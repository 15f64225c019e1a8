variable "project" {
  description = "The id of the Google Cloud project."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project = \"${var.project}\": must be a project's id, 6 to 30 of a-z, 0-9 and -."
  }
}

variable "also" {
  description = "APIs beyond those that are always needed, without .googleapis.com."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.also : can(regex("^[a-z]+$", name))])
    error_message = "also = ${jsonencode(var.also)}: each must be a name such as iap, without .googleapis.com."
  }
}
