# A complete deployment on AWS. infra/README.md explains where to keep the state.
terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = { deployment = var.name }
  }
}

module "metasync" {
  source = "../modules/aws"

  name                 = var.name
  functions            = var.functions
  packages             = var.packages
  architecture         = var.architecture
  variables            = var.variables
  secrets              = var.secrets
  schema_versions_days = var.schema_versions_days
  keep_data            = var.keep_data
  database             = var.database
  network              = var.network
  nat                  = var.nat
  domain               = var.domain
  jwt                  = var.jwt
  requests_per_second  = var.requests_per_second
  reserve_concurrency  = var.reserve_concurrency
  log_days             = var.log_days
  alarm_topic_arn      = var.alarm_topic_arn
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
