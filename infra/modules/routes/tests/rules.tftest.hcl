run "a_path_leads_to_its_function_whatever_the_method" {
  command = plan

  variables {
    functions = {
      console  = ["GET /", "GET /v1/people", "POST /v1/people"]
      settings = ["GET /v1/robeings/{id}/settings/{category}", "PATCH /v1/robeings/{id}/settings/{category}"]
      stats    = ["GET /v1/robeings"]
    }
  }

  assert {
    condition     = output.default == "console"
    error_message = "Paths without a rule go to the console."
  }

  assert {
    condition = jsonencode(output.rules) == jsonencode([
      { function = "console", full = "/", template = null },
      { function = "console", full = "/v1/people", template = null },
      { function = "stats", full = "/v1/robeings", template = null },
      { function = "settings", full = null, template = "/v1/robeings/*/settings/*" },
    ])
    error_message = "Each path has one rule, in the order in which they apply."
  }
}

run "a_path_without_parameters_is_before_one_whose_parameter_matches_it" {
  command = plan

  variables {
    functions = { privacy = ["GET /v1/exports/{id}", "GET /v1/exports/download"] }
  }

  assert {
    condition     = [for rule in output.rules : coalesce(rule.full, rule.template)] == ["/v1/exports/download", "/v1/exports/*"]
    error_message = "The first rule that matches applies."
  }

  assert {
    condition     = output.default == "privacy"
    error_message = "Without the console, the first function gets the paths without a rule."
  }
}

run "a_path_of_two_functions_is_refused" {
  command = plan

  variables {
    functions = { one = ["GET /v1/it"], other = ["POST /v1/it"] }
  }

  expect_failures = [output.rules]
}
