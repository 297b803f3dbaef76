# Every variable of the module, with the same default. The module checks the values.
variable "region" {
  description = "The region of every resource."
  type        = string
  default     = "eu-central-1"
}

variable "name" {
  description = "The prefix of every resource's name. Two deployments in one account need different names."
  type        = string
  default     = "metasync"
}

variable "functions" {
  description = "The functions of infra/functions to deploy. The default is each except metasync; [\"metasync\"] is all of them as one function, the smallest deployment."
  type        = set(string)
  default     = null
}

variable "packages" {
  description = "The folder with one <function>.zip per function, which infra/package creates."
  type        = string
  default     = "../../dist/packages"
}

variable "architecture" {
  description = "The architecture of the packages: x86_64, with the same binaries as on Cloud Run, or arm64."
  type        = string
  default     = "x86_64"
}

variable "variables" {
  description = "Configuration that is not secret, by the names in docs/configuration.md. Each function gets those that it reads."
  type        = map(string)
  default     = {}
}

variable "secrets" {
  description = "The names of the variables whose values are secrets. Each gets a secret without a value. Set the value with the command in the output next_steps, so that it is not in the state."
  type        = set(string)
  default     = ["AUTH_TOKENS", "DATABASE_URL", "MASKING_KEY", "METASYNC_KEYS", "PRIVACY_KEY"]
}

variable "schema_versions_days" {
  description = "The age in days at which old versions of the schema are removed from the bucket; null for never."
  type        = number
  default     = null
}

variable "keep_data" {
  description = "Whether the database and a bucket with objects can't be destroyed, and a secret that is removed can be restored for 30 days. The root modules in infra also refuse a destroy before it deletes anything. To delete everything, apply with false, then destroy."
  type        = bool
  default     = true
}

variable "database" {
  description = "A Postgres to create, in a network of its own that the functions with a database join; null if DATABASE_URL (a secret) names an existing one. Fields: class (db.t4g.micro), storage_gb (20), version (16), highly_available (false), operator_cidrs ([]), the networks that can reach it as well, for migrations."
  type        = any
  default     = null
}

variable "network" {
  description = "Your own subnets and security groups for the functions with a database, if DATABASE_URL names a private one. Fields: subnet_ids, security_group_ids. The functions need access to Secrets Manager, to S3 and to everything else that you configure."
  type        = any
  default     = null
}

variable "nat" {
  description = "Whether the functions in the network of the database that is created reach hosts outside by HTTPS, through a NAT gateway, which costs money every hour. They need it to call an issuer: AUTH_ISSUER, or that at which people sign in."
  type        = bool
  default     = false
}

variable "domain" {
  description = "A host of your own for the functions. Fields: name, certificate_arn (a certificate of ACM for it, in the same region). Then point the host to the target in the output domain, with a CNAME or alias record. With null, the host is the gateway's own."
  type        = any
  default     = null
}

variable "jwt" {
  description = "The issuer of the JWTs that the gateway requires on every route, except those that are signed and those of people who sign in. Fields: issuer, audience (a list). With null, the gateway forwards every request, and only the functions authenticate callers. With an issuer, the gateway refuses service tokens (AUTH_TOKENS)."
  type        = any
  default     = null
}

variable "requests_per_second" {
  description = "The limit of requests per second at the gateway, and of a burst. It limits the cost of a mistake or an attack."
  type        = number
  default     = 100
}

variable "reserve_concurrency" {
  description = "Whether to reserve concurrency for each function. Off by default, because the limit of a new account (10) is too small."
  type        = bool
  default     = false
}

variable "log_days" {
  description = "The retention of logs, in days."
  type        = number
  default     = 30
}

variable "alarm_topic_arn" {
  description = "An existing SNS topic that alarms notify."
  type        = string
  default     = null
}

variable "alarm_emails" {
  description = "The e-mail addresses that alarms notify, through a topic of this deployment. AWS sends each address a message that asks to confirm."
  type        = set(string)
  default     = []
}
