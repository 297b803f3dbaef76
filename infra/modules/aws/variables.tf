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
  description = "Whether the database and a bucket with objects can't be destroyed, and a secret that is removed can be restored for 30 days. The root modules in infra also refuse a destroy before it deletes anything. To delete everything, apply with false, then destroy."
  type        = bool
  default     = true
  nullable    = false
}

variable "database" {
  description = "A Postgres to create, in a network of its own that the functions with a database join; null if DATABASE_URL (a secret) names an existing one. Fields: class (db.t4g.micro), storage_gb (20), version (16), highly_available (false), operator_cidrs ([]), the networks that can reach it as well, for migrations."
  # Not an object type, which would drop unknown keys silently.
  type    = any
  default = null

  validation {
    condition     = length(setsubtract(try(keys(var.database), []), ["class", "storage_gb", "version", "highly_available", "operator_cidrs"])) == 0
    error_message = "database has an unknown key. The keys are class, storage_gb, version, highly_available and operator_cidrs."
  }

  validation {
    condition     = var.database == null || can(keys(var.database))
    error_message = "database must be an object, such as {} or { storage_gb = 100 }."
  }

  validation {
    condition     = startswith(try(tostring(var.database.class), "db.default"), "db.")
    error_message = "database.class must be a class of RDS instances, such as db.t4g.micro."
  }

  validation {
    condition     = try(tonumber(var.database.storage_gb) >= 20 && tonumber(var.database.storage_gb) <= 65536 && floor(var.database.storage_gb) == tonumber(var.database.storage_gb), !can(var.database.storage_gb))
    error_message = "database.storage_gb must be a whole number from 20 to 65536."
  }

  validation {
    condition     = can(regex("^(1[5-9]|[2-9][0-9])$", try(tostring(var.database.version), "16")))
    error_message = "database.version must be a major version of Postgres from 15, such as 16."
  }

  validation {
    condition     = try(tobool(var.database.highly_available) != null, !can(var.database.highly_available))
    error_message = "database.highly_available must be true or false."
  }

  validation {
    condition     = try(alltrue([for cidr in var.database.operator_cidrs : can(cidrhost(cidr, 0)) && !endswith(cidr, "/0")]), !can(var.database.operator_cidrs))
    error_message = "database.operator_cidrs must be networks such as 203.0.113.7/32, and not the whole internet."
  }
}

variable "network" {
  description = "Your own subnets and security groups for the functions with a database, if DATABASE_URL names a private one. Fields: subnet_ids, security_group_ids. The functions need access to Secrets Manager, to S3 and to everything else that you configure."
  type        = any
  default     = null

  validation {
    condition     = var.network == null || try(length(var.network.subnet_ids) > 0 && length(var.network.security_group_ids) > 0, false)
    error_message = "network must have subnet_ids and security_group_ids, with at least one of each."
  }

  validation {
    condition     = length(setsubtract(try(keys(var.network), []), ["subnet_ids", "security_group_ids"])) == 0
    error_message = "network has an unknown key. The keys are subnet_ids and security_group_ids."
  }
}

variable "nat" {
  description = "Whether the functions in the network of the database that is created reach hosts outside by HTTPS, through a NAT gateway, which costs money every hour. They need it to call an issuer: AUTH_ISSUER, or that at which people sign in."
  type        = bool
  default     = false
  nullable    = false
}

variable "domain" {
  description = "A host of your own for the functions. Fields: name, certificate_arn (a certificate of ACM for it, in the same region). Then point the host to the target in the output domain, with a CNAME or alias record. With null, the host is the gateway's own."
  type        = any
  default     = null

  validation {
    condition     = var.domain == null || can(regex("^([a-z0-9]([a-z0-9-]*[a-z0-9])?\\.)+[a-z]{2,}$", var.domain.name))
    error_message = "domain.name must be the name of a host in lower case, such as console.example.com."
  }

  validation {
    condition     = var.domain == null || can(regex("^arn:[a-z-]+:acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-f-]+$", var.domain.certificate_arn))
    error_message = "domain.certificate_arn must be the ARN of a certificate of ACM in the region of the deployment."
  }

  validation {
    condition     = length(setsubtract(try(keys(var.domain), []), ["name", "certificate_arn"])) == 0
    error_message = "domain has an unknown key. The keys are name and certificate_arn."
  }
}

variable "jwt" {
  description = "The issuer of the JWTs that the gateway requires on every route, except those that are signed and those of people who sign in. Fields: issuer, audience (a list). With null, the gateway forwards every request, and only the functions authenticate callers. With an issuer, the gateway refuses service tokens (AUTH_TOKENS)."
  type        = any
  default     = null

  validation {
    condition     = var.jwt == null || try(startswith(var.jwt.issuer, "https://") && length(tolist(var.jwt.audience)) > 0, false)
    error_message = "jwt must have an issuer that begins with https://, and at least one audience, as a list."
  }

  validation {
    condition     = length(setsubtract(try(keys(var.jwt), []), ["issuer", "audience"])) == 0
    error_message = "jwt has an unknown key. The keys are issuer and audience."
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
  description = "An existing SNS topic that alarms notify."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_topic_arn == null || can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+$", var.alarm_topic_arn))
    error_message = "alarm_topic_arn must be the ARN of an SNS topic, such as arn:aws:sns:eu-central-1:123456789012:on-call."
  }
}

variable "alarm_emails" {
  description = "The e-mail addresses that alarms notify, through a topic of this deployment. AWS sends each address a message that asks to confirm."
  type        = set(string)
  default     = []
  nullable    = false

  validation {
    condition     = alltrue([for address in var.alarm_emails : can(regex("^[^@ ]+@[^@ ]+$", address))])
    error_message = "alarm_emails must be e-mail addresses."
  }
}
