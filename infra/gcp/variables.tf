variable "project" {
  description = "The project's id."
  type        = string
}

variable "region" {
  description = "The region that everything is in."
  type        = string
  default     = "europe-west3"
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

variable "image" {
  description = "The pushed image, by digest; null where none is pushed yet."
  type        = string
  default     = null
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
  description = "A Postgres to create; null where DATABASE_URL names one that is there. See modules/gcp/variables.tf."
  type        = any
  default     = null
}

variable "keep_data" {
  description = "Whether destroy refuses to remove what holds data."
  type        = bool
  default     = true
}
