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

  name      = var.name
  functions = var.functions
  packages  = var.packages
  variables = var.variables
  secrets   = var.secrets
  database  = var.database
  keep_data = var.keep_data
}
