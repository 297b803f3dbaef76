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
    condition     = length(setintersection(keys(var.variables), ["AUTH_TOKENS", "DATABASE_URL", "MASKING_KEY", "METASYNC_KEYS", "PRIVACY_KEY", "SIGN_IN_CLIENT_SECRET", "SLACK_SIGNING_SECRET", "ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "LLM_API_KEY", "OLLAMA_API_KEY"])) == 0
    error_message = "Credentials belong into secrets, not into variables, which are in the state and in the console."
  }

  validation {
    condition     = lookup(var.variables, "AUTH_MODE", "") == ""
    error_message = "AUTH_MODE is for local use: no function starts with it in a cloud."
  }

  validation {
    condition     = alltrue([for value in values(var.variables) : !can(regex("(?i)://[^/@]*:[^/@]+@|[?&;](ssl)?(password|passwd|pwd)=[^&;]", value))])
    error_message = "The URL in ${join(", ", [for name, value in var.variables : name if can(regex("(?i)://[^/@]*:[^/@]+@|[?&;](ssl)?(password|passwd|pwd)=[^&;]", value))])} contains a password, which would be in the state. Name the variable in secrets instead, and store its value with the command in next_steps."
  }

  validation {
    condition     = length(setsubtract(keys(var.variables), setunion(["AUTH_MODE"], local.known_variables))) == 0
    error_message = "No function reads ${join(", ", setsubtract(keys(var.variables), local.known_variables))}: docs/configuration.md lists the variables."
  }
}

variable "secrets" {
  description = "The names of the variables whose values are secrets. Each gets a secret without a value. Set the value with the command in the output next_steps, so that it is not in the state."
  type        = set(string)
  default     = ["AUTH_TOKENS", "DATABASE_URL", "MASKING_KEY", "METASYNC_KEYS", "PRIVACY_KEY"]
  nullable    = false

  validation {
    condition     = length(setsubtract(var.secrets, local.known_variables)) == 0
    error_message = "No function reads ${join(", ", setsubtract(var.secrets, local.known_variables))}: docs/configuration.md lists the variables."
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
  description = "Whether the database and a bucket with objects can't be destroyed. The root modules in infra also refuse a destroy before it deletes anything. To delete everything, apply with false, then destroy."
  type        = bool
  default     = true
  nullable    = false
}

variable "database" {
  description = "A Postgres to create, which only identities of the project can reach, through the Cloud SQL proxy; null if DATABASE_URL (a secret) names an existing one. Fields: tier (db-f1-micro), storage_gb (10), version (16), highly_available (false)."
  # Not an object type, which would drop unknown keys silently.
  type    = any
  default = null

  validation {
    condition     = length(setsubtract(try(keys(var.database), []), ["tier", "storage_gb", "version", "highly_available"])) == 0
    error_message = "database has an unknown key. The keys are tier, storage_gb, version and highly_available."
  }

  validation {
    condition     = var.database == null || can(keys(var.database))
    error_message = "database must be an object, such as {} or { storage_gb = 100 }."
  }

  validation {
    condition     = startswith(try(tostring(var.database.tier), "db-default"), "db-")
    error_message = "database.tier must be a tier of Cloud SQL, such as db-f1-micro or db-custom-2-8192."
  }

  validation {
    condition     = try(tonumber(var.database.storage_gb) >= 10 && tonumber(var.database.storage_gb) <= 65536 && floor(var.database.storage_gb) == tonumber(var.database.storage_gb), !can(var.database.storage_gb))
    error_message = "database.storage_gb must be a whole number from 10 to 65536."
  }

  validation {
    condition     = can(regex("^(1[5-9]|[2-9][0-9])$", try(tostring(var.database.version), "16")))
    error_message = "database.version must be a major version of Postgres from 15, such as 16."
  }

  validation {
    condition     = try(tobool(var.database.highly_available) != null, !can(var.database.highly_available))
    error_message = "database.highly_available must be true or false."
  }
}

variable "nat" {
  description = "Whether the services with a database call hosts outside from one fixed address, by direct VPC egress and Cloud NAT, which costs money every hour. Without it they reach the same hosts, from changing addresses."
  type        = bool
  default     = false
  nullable    = false
}

variable "domain" {
  description = "A host of your own for all functions, by a load balancer, which costs money every hour. Field: name. Then point the host to the address in the output domain, with an A record. With null, each service has the host that Cloud Run gives it. People who sign in need one host for all functions with pages: a domain, or metasync as the only function."
  type        = any
  default     = null

  validation {
    condition     = var.domain == null || can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain.name))
    error_message = "domain.name must be the name of a host in lower case, such as console.example.com."
  }

  validation {
    condition     = length(setsubtract(try(keys(var.domain), []), ["name"])) == 0
    error_message = "domain has an unknown key. The key is name."
  }
}

variable "alarm_channels" {
  description = "Existing notification channels (projects/<project>/notificationChannels/<id>) that alarms notify."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for channel in var.alarm_channels : can(regex("^projects/[^/]+/notificationChannels/[^/]+$", channel))])
    error_message = "alarm_channels must be names such as projects/my-project/notificationChannels/1234567890."
  }
}

variable "alarm_emails" {
  description = "The e-mail addresses that alarms notify, through channels of this deployment."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for address in var.alarm_emails : can(regex("^[^@ ]+@[^@ ]+$", address))])
    error_message = "alarm_emails must be e-mail addresses."
  }
}
