# Every variable of the module, with the same default. The module checks the values.
variable "project" {
  description = "The id of the project."
  type        = string
}

variable "region" {
  description = "The region of every resource."
  type        = string
  default     = "europe-west3"
}

variable "name" {
  description = "The prefix of every resource's name. Two deployments in one project need different names."
  type        = string
  default     = "metasync"
}

variable "functions" {
  description = "The functions of infra/functions to deploy. The default is each except metasync; [\"metasync\"] is all of them as one service, the smallest deployment."
  type        = set(string)
  default     = null
}

variable "image" {
  description = "The image with every function's binary, by digest: <repository>/metasync@sha256:... With null, everything except the services is deployed, which is the first step."
  type        = string
  default     = null
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
  description = "Whether the database and a bucket with objects can't be destroyed. The root modules in infra also refuse a destroy before it deletes anything. To delete everything, apply with false, then destroy."
  type        = bool
  default     = true
}

variable "database" {
  description = "A Postgres to create, which only identities of the project can reach, through the Cloud SQL proxy; null if DATABASE_URL (a secret) names an existing one. Fields: tier (db-f1-micro), storage_gb (10), version (16), highly_available (false)."
  type        = any
  default     = null
}

variable "nat" {
  description = "Whether the services with a database call hosts outside from one fixed address, by direct VPC egress and Cloud NAT, which costs money every hour. Without it they reach the same hosts, from changing addresses."
  type        = bool
  default     = false
}

variable "domain" {
  description = "A host of your own for all functions, by a load balancer, which costs money every hour. Field: name. Then point the host to the address in the output domain, with an A record. With null, each service has the host that Cloud Run gives it. People who sign in need one host for all functions with pages: a domain, or metasync as the only function."
  type        = any
  default     = null
}

variable "alarm_channels" {
  description = "Existing notification channels (projects/<project>/notificationChannels/<id>) that alarms notify."
  type        = list(string)
  default     = []
}

variable "alarm_emails" {
  description = "The e-mail addresses that alarms notify, through channels of this deployment."
  type        = set(string)
  default     = []
}
