# The catalogue of functions that both clouds deploy: one file per function in infra/functions, and in
# infra/variables.json the variables that several functions read. The output has every field of every
# function, so that the other modules need no defaults.
terraform {
  required_version = ">= 1.9"
}

locals {
  folder    = "${path.module}/../../functions"
  variables = jsondecode(file("${path.module}/../../variables.json"))

  entries = {
    for entry in fileset(local.folder, "*.json") :
    trimsuffix(entry, ".json") => jsondecode(file("${local.folder}/${entry}"))
  }

  rights = ["read", "write", "delete"]

  functions = {
    for name, it in local.entries : name => {
      description     = it.description
      memory_mb       = it.memory_mb
      timeout_seconds = it.timeout_seconds
      concurrency     = it.concurrency
      routes          = it.routes
      signed_routes   = try(it.signed_routes, [])
      cookie_routes   = try(it.cookie_routes, [])
      open_routes     = try(it.open_routes, [])
      schedules = {
        for schedule, when in try(it.schedules, {}) : schedule => {
          every_minutes = try(when.every_minutes, null)
          daily_at      = try(when.daily_at, null)
          input         = when.input
        }
      }
      # By the function that each queue belongs to.
      queues = { for owner in [name] : owner => it.queue if can(it.queue) }
      uses = {
        bucket    = { for right in local.rights : right => try(it.uses.bucket[right], []) }
        database  = try(it.uses.database, false)
        model     = try(it.uses.model, false)
        warehouse = try(it.uses.warehouse, false)
      }
      variables = it.variables
    } if name != "metasync"
  }

  all = values(local.functions)

  # `metasync` contains every function: it has all their routes, queues, rights and variables, and their
  # schedules, whose input names the function.
  metasync = merge(local.entries.metasync, {
    routes        = sort(distinct(flatten([for it in local.all : it.routes])))
    signed_routes = sort(distinct(flatten([for it in local.all : it.signed_routes])))
    cookie_routes = sort(distinct(flatten([for it in local.all : it.cookie_routes])))
    open_routes   = sort(distinct(flatten([for it in local.all : it.open_routes])))
    schedules = merge([
      for name, it in local.functions : {
        for schedule, when in it.schedules : "${name}-${schedule}" => merge(when, {
          input = merge(when.input, { function = name })
        })
      }
    ]...)
    queues = merge([for it in local.all : it.queues]...)
    uses = {
      bucket = {
        for right in local.rights : right => sort(distinct(flatten([for it in local.all : it.uses.bucket[right]])))
      }
      database  = anytrue([for it in local.all : it.uses.database])
      model     = anytrue([for it in local.all : it.uses.model])
      warehouse = anytrue([for it in local.all : it.uses.warehouse])
    }
    variables = sort(distinct(flatten([for it in local.all : it.variables])))
  })

  with_metasync = merge(local.functions, { metasync = local.metasync })
}

output "functions" {
  description = "Every function by name, `metasync` included. `reads` has all variables that it reads."
  value = {
    for name, it in local.with_metasync : name => merge(it, {
      uses_bucket = length(flatten(values(it.uses.bucket))) > 0
      reads = sort(distinct(concat(
        local.variables.every,
        it.variables,
        length(flatten(values(it.uses.bucket))) > 0 ? local.variables.bucket : [],
        it.uses.database ? local.variables.database : [],
        it.uses.model ? local.variables.model : [],
        it.uses.warehouse ? local.variables.warehouse : [],
      )))
    })
  }
}
