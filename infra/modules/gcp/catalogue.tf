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

  # Nothing runs before there is an image of it; where it is pushed to, what it reads and who it is
  # come first.
  services = { for name, it in local.functions : name => it if var.image != null }

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

check "catalogue" {
  assert {
    condition     = alltrue([for variable in setunion(keys(var.variables), var.secrets) : anytrue([for reads in local.reads : contains(reads, variable)])])
    error_message = "No function that is deployed reads ${join(", ", [for variable in setunion(keys(var.variables), var.secrets) : variable if !anytrue([for reads in local.reads : contains(reads, variable)])])}: it has no effect."
  }

  assert {
    condition     = var.image != null
    error_message = "No image is given, so that no function is deployed yet: do what the output next_steps says, and apply again with the image."
  }
}
