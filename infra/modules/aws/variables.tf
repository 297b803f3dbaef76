variable "name" {
  description = "What every resource's name begins with. Two deployments in one account need two names."
  type        = string
  default     = "metasync"
  nullable    = false

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "name is 2 to 20 of a-z, 0-9 and -, and begins with a letter."
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
    error_message = "functions is [\"metasync\"] alone, or some of the others."
  }
}

variable "packages" {
  description = "The folder with one <function>.zip each, as infra/package makes it."
  type        = string
  nullable    = false
}

variable "architecture" {
  description = "What the packages were built for: x86_64, which is the same binary as on Cloud Run, or arm64."
  type        = string
  default     = "x86_64"
  nullable    = false

  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture is x86_64 or arm64."
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
  description = "Names of variables whose values are secrets. A secret is made for each, without a value: put it there by the command in the output next_steps, so that it never is in the state."
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
  description = "Whether destroy refuses to remove a bucket that is not empty and a database, and secrets can be had back for a week."
  type        = bool
  default     = true
  nullable    = false
}

variable "database" {
  description = "A Postgres to create, in a network of its own that functions with a database join. null: none, and DATABASE_URL (a secret) names one that is there. operator_cidrs may reach it as well, for migrations."
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
    error_message = "operator_cidrs are networks such as 203.0.113.7/32, and never everybody."
  }
}

variable "network" {
  description = "Subnets and security groups of your own for the functions with a database, where DATABASE_URL names a private one. They need a way to Secrets Manager, to S3 and to whatever else you configure."
  type = object({
    subnet_ids         = set(string)
    security_group_ids = set(string)
  })
  default = null

  validation {
    condition     = var.network == null || try(length(var.network.subnet_ids) > 0 && length(var.network.security_group_ids) > 0, false)
    error_message = "network names at least one subnet and one security group."
  }
}

variable "jwt" {
  description = "Whose JWTs the gateway wants on every route that is not signed; null lets all through to the functions, which check each caller themselves. With it, service tokens (AUTH_TOKENS) get no further than the gateway."
  type = object({
    issuer   = string
    audience = list(string)
  })
  default = null

  validation {
    condition     = var.jwt == null || try(startswith(var.jwt.issuer, "https://") && length(var.jwt.audience) > 0, false)
    error_message = "jwt has an issuer that begins with https:// and at least one audience."
  }
}

variable "requests_per_second" {
  description = "How many requests the gateway lets through, and as many again in a burst: what a mistake or an attack may cost at most."
  type        = number
  default     = 100
  nullable    = false

  validation {
    condition     = var.requests_per_second >= 1 && var.requests_per_second <= 10000
    error_message = "requests_per_second is 1 to 10000."
  }
}

variable "reserve_concurrency" {
  description = "Whether each function gets its share of the account's concurrency. Off, since a new account's limit (10) is too small to reserve any."
  type        = bool
  default     = false
  nullable    = false
}

variable "log_days" {
  description = "How many days the logs are kept."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400], var.log_days)
    error_message = "log_days is one of 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400."
  }
}

variable "alarm_topic_arn" {
  description = "The SNS topic that alarms are sent to; null makes the alarms and sends nothing."
  type        = string
  default     = null
}
