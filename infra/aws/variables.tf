variable "region" {
  description = "The region that everything is in."
  type        = string
  default     = "eu-central-1"
}

variable "name" {
  description = "What every resource's name begins with."
  type        = string
  default     = "metasync"
}

variable "functions" {
  description = "Which functions are deployed: each but metasync where it is null, [\"metasync\"] for all of them as one."
  type        = set(string)
  default     = null
}

variable "packages" {
  description = "The folder that infra/package wrote the packages to."
  type        = string
  default     = "../../dist/packages"
}

variable "variables" {
  description = "Configuration that is no secret, such as WAREHOUSE_URL and LLM_MODEL."
  type        = map(string)
  default     = {}
}

variable "secrets" {
  description = "Names of the variables whose values are secrets."
  type        = set(string)
  default     = ["AUTH_TOKENS", "DATABASE_URL", "MASKING_KEY", "PRIVACY_KEY"]
}

variable "database" {
  description = "A Postgres to create; null where DATABASE_URL names one that is there. See modules/aws/variables.tf."
  type        = any
  default     = null
}

variable "keep_data" {
  description = "Whether destroy refuses to remove what holds data."
  type        = bool
  default     = true
}
