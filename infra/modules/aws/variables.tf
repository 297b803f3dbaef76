variable "name" {
  description = "The prefix of every resource's name. Two deployments in one account need different names."
  type        = string
  default     = "metasync"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "name must have 2 to 20 characters of a-z, 0-9 and -, and begin with a letter."
  }
}

variable "functions" {
  description = "The functions of infra/functions to deploy. The default is each except metasync; [\"metasync\"] is all of them as one function, the smallest deployment."
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

variable "packages" {
  description = "The folder with one <function>.zip per function, which infra/package creates."
  type        = string
  nullable    = false
}

variable "architecture" {
  description = "The architecture of the packages: x86_64, with the same binaries as on Cloud Run, or arm64."
  type        = string
  default     = "x86_64"
  nullable    = false

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture must be x86_64 or arm64."
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
  description = "Whether destroy refuses to remove a database and a bucket with objects, and deleted secrets can be restored for a week."
  type        = bool
  default     = true
  nullable    = false
}

variable "database" {
  description = "A Postgres to create, in a network of its own that the functions with a database join; null if DATABASE_URL (a secret) names an existing one. operator_cidrs can reach it as well, for migrations."
  type = object({
    class            = optional(string, "db.t4g.micro")
    storage_gb       = optional(number, 20)
    version          = optional(string, "16")
    highly_available = optional(bool, false)
    operator_cidrs   = optional(list(string), [])
  })
  default = null

  validation {
    condition     = alltrue([for cidr in try(var.database.operator_cidrs, []) : can(cidrhost(cidr, 0)) && !endswith(cidr, "/0")])
    error_message = "operator_cidrs must be networks such as 203.0.113.7/32, and not the whole internet."
  }
}

variable "network" {
  description = "Your own subnets and security groups for the functions with a database, if DATABASE_URL names a private one. They need access to Secrets Manager, to S3 and to everything else that you configure."
  type = object({
    subnet_ids         = set(string)
    security_group_ids = set(string)
  })
  default = null

  validation {
    condition     = var.network == null || try(length(var.network.subnet_ids) > 0 && length(var.network.security_group_ids) > 0, false)
    error_message = "network must name at least one subnet and one security group."
  }
}

variable "jwt" {
  description = "The issuer of the JWTs that the gateway requires on every route that is not signed. With null, the gateway forwards every request, and only the functions authenticate callers. With an issuer, the gateway refuses service tokens (AUTH_TOKENS)."
  type = object({
    issuer   = string
    audience = list(string)
  })
  default = null

  validation {
    condition     = var.jwt == null || try(startswith(var.jwt.issuer, "https://") && length(var.jwt.audience) > 0, false)
    error_message = "jwt must have an issuer that begins with https://, and at least one audience."
  }
}

variable "requests_per_second" {
  description = "The limit of requests per second at the gateway, and of a burst. It limits the cost of a mistake or an attack."
  type        = number
  default     = 100
  nullable    = false

  validation {
    condition     = var.requests_per_second >= 1 && var.requests_per_second <= 10000
    error_message = "requests_per_second must be 1 to 10000."
  }
}

variable "reserve_concurrency" {
  description = "Whether to reserve concurrency for each function. Off by default, because the limit of a new account (10) is too small."
  type        = bool
  default     = false
  nullable    = false
}

variable "log_days" {
  description = "The retention of logs, in days."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400], var.log_days)
    error_message = "log_days must be one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400."
  }
}

variable "alarm_topic_arn" {
  description = "The SNS topic that alarms notify; with null, they notify nothing."
  type        = string
  default     = null
}
