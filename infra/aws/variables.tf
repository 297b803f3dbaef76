variable "region" {
  description = "The region of every resource."
  type        = string
  default     = "eu-central-1"
}

variable "name" {
  description = "The prefix of every resource's name."
  type        = string
  default     = "metasync"
}

variable "functions" {
  description = "The functions to deploy: null for each except metasync, [\"metasync\"] for all of them as one."
  type        = set(string)
  default     = null
}

variable "packages" {
  description = "The folder with the packages that infra/package created."
  type        = string
  default     = "../../dist/packages"
}

variable "variables" {
  description = "Configuration that is not secret, such as LLM_MODEL. If WAREHOUSE_URL has a password, name it in `secrets`."
  type        = map(string)
  default     = {}
}

variable "secrets" {
  description = "The names of the variables whose values are secrets."
  type        = set(string)
  default     = ["AUTH_TOKENS", "DATABASE_URL", "MASKING_KEY", "PRIVACY_KEY"]
}

variable "database" {
  description = "A Postgres to create; null if DATABASE_URL names an existing one. See modules/aws/variables.tf."
  type        = any
  default     = null
}

variable "keep_data" {
  description = "Whether destroy refuses to remove resources that hold data."
  type        = bool
  default     = true
}
