variable "project" {
  description = "The project's id."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "project is the id of a project (not its name, nor its number)."
  }
}

variable "region" {
  description = "The region that everything is in."
  type        = string
  default     = "europe-west3"
  nullable    = false
}

variable "name" {
  description = "What every resource's name begins with. Two deployments in one project need two names."
  type        = string
  default     = "metasync"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,11}$", var.name))
    error_message = "name is 2 to 12 of a-z, 0-9 and -, and begins with a letter."
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
    error_message = "functions is [\"metasync\"] alone, or some of the others."
  }
}

variable "image" {
  description = "The image with every function's binary, by digest: <repository>/metasync@sha256:... null: everything but the services, which is where a deployment begins."
  type        = string
  default     = null

  validation {
    condition     = var.image == null || can(regex("@sha256:[0-9a-f]{64}$", var.image))
    error_message = "image ends with @sha256:<digest>, so that what runs is what was pushed."
  }
}

variable "variables" {
  description = "Configuration that is no secret, by the names of the README's table. Each function is given those that it reads."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = length(setintersection(keys(var.variables), ["AUTH_TOKENS", "DATABASE_URL", "MASKING_KEY", "PRIVACY_KEY", "SLACK_SIGNING_SECRET", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "LLM_API_KEY", "OLLAMA_API_KEY"])) == 0
    error_message = "What keeps somebody out belongs into secrets, not into variables, which are in the state and in the console."
  }

  validation {
    condition     = lookup(var.variables, "AUTH_MODE", "") == ""
    error_message = "AUTH_MODE is for one's own machine: no function starts with it in a cloud."
  }
}

variable "secrets" {
  description = "Names of variables whose values are secrets. A secret is made for each, without a value: put it there by the commands in the output next_steps, so that it never is in the state."
  type        = set(string)
  default     = ["AUTH_TOKENS"]
  nullable    = false

  validation {
    condition     = alltrue([for variable in var.secrets : can(regex("^[A-Z][A-Z0-9_]*$", variable))])
    error_message = "secrets are names of variables, such as DATABASE_URL."
  }
}

variable "schema_versions_days" {
  description = "After how many days an old version of the schema is removed from the bucket; null for never."
  type        = number
  default     = null

  validation {
    condition     = var.schema_versions_days == null || coalesce(var.schema_versions_days, 0) >= 30
    error_message = "schema_versions_days is 30 or more: readers ask what changed since a version."
  }
}

variable "keep_data" {
  description = "Whether destroy refuses to remove a bucket that is not empty and a database."
  type        = bool
  default     = true
  nullable    = false
}

variable "database" {
  description = "A Postgres to create, which only identities of the project reach (through Cloud SQL's proxy). null: none, and DATABASE_URL (a secret) names one that is there."
  type = object({
    tier             = optional(string, "db-f1-micro")
    storage_gb       = optional(number, 10)
    version          = optional(string, "16")
    highly_available = optional(bool, false)
  })
  default = null
}

variable "alarm_channels" {
  description = "Notification channels (projects/<project>/notificationChannels/<id>) that are told when work was given up."
  type        = list(string)
  default     = []
  nullable    = false
}
