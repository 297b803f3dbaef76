variable "project" {
  description = "The id of the project."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project must be the id of a project, not its name or number."
  }
}

variable "region" {
  description = "The region of every resource."
  type        = string
  default     = "europe-west3"
  nullable    = false
}

variable "name" {
  description = "The prefix of every resource's name. Two deployments in one project need different names."
  type        = string
  default     = "metasync"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,11}$", var.name))
    error_message = "name must have 2 to 12 characters of a-z, 0-9 and -, and begin with a letter."
  }
}

variable "functions" {
  description = "The functions of infra/functions to deploy. The default is each except metasync; [\"metasync\"] is all of them as one service, the smallest deployment."
  type        = set(string)
  default     = null

  validation {
    condition     = alltrue([for name in coalesce(var.functions, []) : fileexists("${path.module}/../../functions/${name}.json")])
    error_message = "functions names one that has no file in infra/functions."
  }

  validation {
    condition     = var.functions == null || try(length(var.functions) > 0 && (length(var.functions) == 1 || !contains(var.functions, "metasync")), false)
    error_message = "functions must be [\"metasync\"], or some of the other functions."
  }
}

variable "image" {
  description = "The image with every function's binary, by digest: <repository>/metasync@sha256:... With null, everything except the services is deployed, which is the first step."
  type        = string
  default     = null

  validation {
    condition     = var.image == null || can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image must end with @sha256:<digest>, so that what runs is what was pushed."
  }
}

variable "variables" {
  description = "Configuration that is not secret, by the names in docs/configuration.md. Each function gets those that it reads."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(setintersection(keys(var.variables), ["AUTH_TOKENS", "DATABASE_URL", "MASKING_KEY", "PRIVACY_KEY", "SLACK_SIGNING_SECRET", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "LLM_API_KEY", "OLLAMA_API_KEY"])) == 0
    error_message = "Credentials belong into secrets, not into variables, which are in the state and in the console."
  }

  validation {
    condition     = lookup(var.variables, "AUTH_MODE", "") == ""
    error_message = "AUTH_MODE is for local use: no function starts with it in a cloud."
  }
}

variable "secrets" {
  description = "The names of the variables whose values are secrets. Each gets a secret without a value. Set the value with the command in the output next_steps, so that it is not in the state."
  type        = set(string)
  default     = ["AUTH_TOKENS"]
  nullable    = false

  validation {
    condition     = alltrue([for variable in var.secrets : can(regex("^[A-Z][A-Z0-9_]*$", variable))])
    error_message = "secrets must be names of variables, such as DATABASE_URL."
  }
}

variable "schema_versions_days" {
  description = "The age in days at which old versions of the schema are removed from the bucket; null for never."
  type        = number
  default     = null

  validation {
    condition     = var.schema_versions_days == null || coalesce(var.schema_versions_days, 0) >= 30
    error_message = "schema_versions_days must be 30 or more: readers request the changes since a version."
  }
}

variable "keep_data" {
  description = "Whether destroy refuses to remove a database and a bucket with objects."
  type        = bool
  default     = true
  nullable    = false
}

variable "database" {
  description = "A Postgres to create, which only identities of the project can reach, through the Cloud SQL proxy; null if DATABASE_URL (a secret) names an existing one."
  type = object({
    tier             = optional(string, "db-f1-micro")
    storage_gb       = optional(number, 10)
    version          = optional(string, "16")
    highly_available = optional(bool, false)
  })
  default = null
}

variable "alarm_channels" {
  description = "The notification channels (projects/<project>/notificationChannels/<id>) of the alarms."
  type        = list(string)
  default     = []
  nullable    = false
}
