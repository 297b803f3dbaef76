# The rules by which a load balancer that doesn't know methods and parameters sends each path of the catalogue to its
# function.
terraform {
  required_version = ">= 1.9"
}

variable "functions" {
  description = "The routes of each function, as in the catalogue."
  type        = map(list(string))
}

locals {
  # The functions of each path. A path belongs to one function, whatever the method.
  paths = {
    for pair in distinct(flatten([
      for name, routes in var.functions : [for route in routes : { path = split(" ", route)[1], name = name }]
    ])) : pair.path => pair.name...
  }
}

output "default" {
  description = "The function that gets the paths without a rule: its own, and those that nobody serves. None without functions."
  value       = contains(keys(var.functions), "console") ? "console" : try(sort(keys(var.functions))[0], null)
}

output "rules" {
  description = "The function of each path: a path without parameters (`full`), or one with a `*` for each parameter (`template`). A path without parameters is before those whose parameters match it, because `{` comes after the letters."
  value = [
    for path in sort(keys(local.paths)) : {
      function = local.paths[path][0]
      full     = strcontains(path, "{") ? null : path
      template = strcontains(path, "{") ? replace(path, "/\\{[^}]*\\}/", "*") : null
    }
  ]

  precondition {
    condition     = alltrue([for path, names in local.paths : length(names) == 1])
    error_message = "A load balancer can't tell apart the functions of ${join(", ", [for path, names in local.paths : path if length(names) > 1])}."
  }
}
