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

  project              = var.project
  region               = var.region
  name                 = var.name
  functions            = var.functions
  image                = var.image
  variables            = var.variables
  secrets              = var.secrets
  schema_versions_days = var.schema_versions_days
  keep_data            = var.keep_data
  database             = var.database
  nat                  = var.nat
  domain               = var.domain
  alarm_channels       = var.alarm_channels
  alarm_emails         = var.alarm_emails
}

# Destroyed before everything else, so that a destroy that must keep data is refused before anything is deleted. It is
# created last: after an apply that failed, only the database and a bucket with objects are protected.
resource "terraform_data" "keep_data" {
  input = var.keep_data

  provisioner "local-exec" {
    when    = destroy
    command = self.input ? "echo keep_data is true, so nothing was destroyed. To delete the data too, apply with keep_data = false, then destroy. && exit 1" : "exit 0"
  }

  depends_on = [module.metasync]
}
