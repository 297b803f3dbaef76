# What is deployed, by the catalogue of both clouds. Everything else in this module is a for_each over
# these locals, so that a function is one file in infra/functions.
module "catalogue" {
  source = "../catalogue"
}

locals {
  # Each function by itself, or `metasync`, which contains all of them.
  names     = coalesce(var.functions, setsubtract(keys(module.catalogue.functions), ["metasync"]))
  functions = { for name in local.names : name => module.catalogue.functions[name] }

  uses_bucket   = [for name, it in local.functions : name if it.uses_bucket]
  uses_database = [for name, it in local.functions : name if it.uses.database]

  # The names of the variables that each function reads.
  reads = { for name, it in local.functions : name => toset(it.reads) }

  # The names of the variables that any function reads, deployed or not.
  known_variables = toset(flatten([for it in values(module.catalogue.functions) : it.reads]))

  # The variables of each function: plain values, and for a secret its ARN, which the function resolves.
  environment = {
    for name, reads in local.reads : name => merge(
      contains(reads, "PUBLIC_URL") ? { PUBLIC_URL = local.public_url } : {},
      { for variable, value in var.variables : variable => value if contains(reads, variable) },
      { for variable, secret in aws_secretsmanager_secret.this : variable => secret.arn if contains(reads, variable) },
      contains(local.uses_bucket, name) ? { BUCKET_URL = "s3://${aws_s3_bucket.this.bucket}" } : {},
    )
  }

  routes = merge([
    for name, it in local.functions : { for route in it.routes : route => name }
  ]...)

  schedules = merge([
    for name, it in local.functions : {
      for schedule, when in it.schedules : "${name}-${schedule}" => merge(when, { function = name })
    }
  ]...)

  # By the function that each queue belongs to. `consumer` is the one that takes its messages: that
  # function, or `metasync`.
  queues = merge([
    for name, it in local.functions : {
      for owner, queue in it.queues : owner => merge(queue, { consumer = name })
    }
  ]...)
}

# Two functions that serve the same route can't share one address.
check "catalogue" {
  assert {
    condition     = length(local.routes) == sum([for it in local.functions : length(it.routes)])
    error_message = "Some route belongs to two of the functions ${join(", ", local.names)}: deploy metasync alone, or the others without it."
  }

  assert {
    condition     = alltrue([for variable in setunion(keys(var.variables), var.secrets) : anytrue([for reads in local.reads : contains(reads, variable)])])
    error_message = "No function that is deployed reads ${join(", ", [for variable in setunion(keys(var.variables), var.secrets) : variable if !anytrue([for reads in local.reads : contains(reads, variable)])])}: it has no effect."
  }
}
