# What is deployed, by the catalogue of both clouds. Everything else in this module is a for_each over
# these locals, so that a function is one file in infra/functions.
module "catalogue" {
  source = "../catalogue"
}

locals {
  # Each function by itself, or `metasync`, which contains all of them.
  names     = coalesce(var.functions, setsubtract(keys(module.catalogue.functions), ["metasync"]))
  functions = { for name in local.names : name => module.catalogue.functions[name] }

  # Without an image there are no services, only what comes before them: the repository, the secrets and
  # the service accounts.
  services = { for name, it in local.functions : name => it if var.image != null }

  uses_bucket   = [for name, it in local.functions : name if it.uses_bucket]
  uses_database = [for name, it in local.functions : name if it.uses.database]

  # The names of the variables that each function reads.
  reads = { for name, it in local.functions : name => toset(it.reads) }

  # The names of the variables that any function reads, deployed or not.
  known_variables = toset(flatten([for it in values(module.catalogue.functions) : it.reads]))

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

check "catalogue" {
  assert {
    condition     = alltrue([for variable in setunion(keys(var.variables), var.secrets) : anytrue([for reads in local.reads : contains(reads, variable)])])
    error_message = "No function that is deployed reads ${join(", ", [for variable in setunion(keys(var.variables), var.secrets) : variable if !anytrue([for reads in local.reads : contains(reads, variable)])])}: it has no effect."
  }

  assert {
    condition     = var.image != null
    error_message = "Without an image, no function is deployed: follow the output next_steps, and apply again with the image."
  }
}
