# A complete deployment on Google Cloud. infra/README.md explains where to keep the state.
terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 8.0"
    }
  }
}

provider "google" {
  project = var.project
  region  = var.region

  default_labels = { deployment = var.name }
}

module "metasync" {
  source = "../modules/gcp"

  project   = var.project
  region    = var.region
  name      = var.name
  functions = var.functions
  image     = var.image
  variables = var.variables
  secrets   = var.secrets
  database  = var.database
  keep_data = var.keep_data
}
