# What is deployed, read from the catalogue that both clouds share. Everything else in this module
# is a for_each over what stands here, so that a function is one entry of infra/functions.json.
locals {
  catalogue = jsondecode(file("${path.module}/../../functions.json"))

  # Each function alone, or `metasync`, which is all of them in one.
  names = coalesce(var.functions, setsubtract(keys(local.catalogue.functions), ["metasync"]))

  functions = {
    for name in local.names : name => merge(
      { signed_routes = [], schedules = {}, queue = null },
      local.catalogue.functions[name],
      {
        uses = merge(
          { database = false, model = false, warehouse = false },
          local.catalogue.functions[name].uses,
          {
            bucket = merge(
              { read = [], write = [], delete = [] },
              try(local.catalogue.functions[name].uses.bucket, {}),
            )
          },
        )
      },
    )
  }

  uses_bucket   = [for name, it in local.functions : name if length(concat(it.uses.bucket.read, it.uses.bucket.write)) > 0]
  uses_database = [for name, it in local.functions : name if it.uses.database]

  # The names of the variables that each function reads.
  reads = {
    for name, it in local.functions : name => toset(concat(
      local.catalogue.variables.every,
      it.variables,
      it.uses.database ? local.catalogue.variables.database : [],
      it.uses.model ? local.catalogue.variables.model : [],
      it.uses.warehouse ? local.catalogue.variables.warehouse : [],
    ))
  }

  # The values it is given: plain ones, and in place of a secret the name by which it reads it.
  environment = {
    for name, reads in local.reads : name => merge(
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
      for schedule, when in it.schedules : "${name}-${schedule}" => merge(
        { every_minutes = null, daily_at = null, function = name },
        when,
      )
    }
  ]...)

  queues = { for name, it in local.functions : name => it.queue if it.queue != null }
}

# Two functions that answer the same route can't both stand behind one address.
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
