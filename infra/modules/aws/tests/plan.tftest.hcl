# Tests of the plan. They need no account: the keys are made up.
provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "key"
  secret_key                  = "secret"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
}

override_data {
  target = data.aws_caller_identity.this
  values = { account_id = "123456789012" }
}

override_data {
  target = data.aws_availability_zones.this
  values = { names = ["eu-central-1a", "eu-central-1b", "eu-central-1c"] }
}

variables {
  packages  = "../../../packages"
  keep_data = false
}

run "each_function_alone_is_the_default" {
  command = plan

  assert {
    condition     = length(output.functions) > 2 && !contains(keys(output.functions), "metasync")
    error_message = "Each function except metasync is deployed."
  }

  assert {
    condition     = output.database == null
    error_message = "No database is created by default."
  }
}

run "the_smallest_deployment_is_one_function_with_every_route" {
  command = plan

  variables {
    functions = ["metasync"]
  }

  assert {
    condition     = keys(output.functions) == ["metasync"] && keys(output.queues) == ["message-log"]
    error_message = "metasync is the only function, and takes the messages of every queue."
  }
}

run "a_database_has_a_network_that_only_its_users_join" {
  command = plan

  variables {
    database = { operator_cidrs = ["203.0.113.7/32"] }
  }

  assert {
    condition     = output.next_steps[length(output.next_steps) - 2] == "metasync migrate"
    error_message = "The next steps include the migration."
  }
}

run "metasync_excludes_the_other_functions" {
  command = plan

  variables {
    functions = ["metasync", "cache-read"]
  }

  expect_failures = [var.functions]
}

run "an_unknown_function_is_refused" {
  command = plan

  variables {
    functions = ["cash-read"]
  }

  expect_failures = [var.functions]
}

run "a_secret_among_the_variables_is_refused" {
  command = plan

  variables {
    variables = { AUTH_TOKENS = "[]" }
  }

  expect_failures = [var.variables]
}

run "the_open_mode_is_refused" {
  command = plan

  variables {
    variables = { AUTH_MODE = "open" }
  }

  expect_failures = [var.variables]
}

run "a_database_open_to_the_internet_is_refused" {
  command = plan

  variables {
    database = { operator_cidrs = ["0.0.0.0/0"] }
  }

  expect_failures = [var.database]
}

run "a_variable_that_no_function_reads_is_reported" {
  command = plan

  variables {
    variables = { WAREHOSE_URL = "bigquery://my-project/sales" }
  }

  expect_failures = [check.catalogue]
}
