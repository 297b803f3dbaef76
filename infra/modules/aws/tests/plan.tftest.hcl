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
  packages     = "../../../packages"
  keep_data    = false
  alarm_emails = ["on-call@example.com"]
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
    condition     = output.next_steps[length(output.next_steps) - 3] == "metasync migrate"
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

run "an_unknown_key_of_database_is_refused" {
  command = plan

  variables {
    database = { operator_cidr = ["203.0.113.7/32"] }
  }

  expect_failures = [var.database]
}

run "a_postgres_below_15_is_refused" {
  command = plan

  variables {
    database = { version = "14" }
  }

  expect_failures = [var.database]
}

run "a_minor_version_of_postgres_is_refused" {
  command = plan

  variables {
    database = { version = "16.3" }
  }

  expect_failures = [var.database]
}

run "a_storage_that_is_no_number_is_refused" {
  command = plan

  variables {
    database = { storage_gb = "20 GB" }
  }

  expect_failures = [var.database]
}

run "the_values_of_database_reach_the_instance" {
  command = plan

  variables {
    database = { class = "db.m7g.large", storage_gb = 200, version = 17, highly_available = true }
  }

  assert {
    condition = (aws_db_instance.this[0].instance_class == "db.m7g.large" && aws_db_instance.this[0].allocated_storage == 200
    && aws_db_instance.this[0].engine_version == "17" && aws_db_instance.this[0].multi_az && aws_db_parameter_group.this[0].family == "postgres17")
    error_message = "The fields of database are those of the instance."
  }
}

run "an_unknown_key_of_network_is_refused" {
  command = plan

  variables {
    network = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"], vpc_id = "vpc-1" }
  }

  expect_failures = [var.network]
}

run "a_network_joins_the_functions_with_a_database" {
  command = plan

  variables {
    network = { subnet_ids = ["subnet-1"], security_group_ids = ["sg-1"] }
  }

  assert {
    condition     = length(aws_lambda_function.this["message-log"].vpc_config) == 1 && length(aws_lambda_function.this["cache-read"].vpc_config) == 0
    error_message = "message-log uses the database and joins the network; cache-read doesn't."
  }
}

run "an_unknown_key_of_jwt_is_refused" {
  command = plan

  variables {
    jwt = { issuer = "https://id.example.com", audiences = ["metasync"], audience = ["metasync"] }
  }

  expect_failures = [var.jwt]
}

run "a_jwt_guards_the_routes" {
  command = plan

  variables {
    jwt = { issuer = "https://id.example.com", audience = ["metasync"] }
  }

  assert {
    condition     = aws_apigatewayv2_route.this["GET /v1/schema"].authorization_type == "JWT" && aws_apigatewayv2_route.this["POST /v1/slack/events"].authorization_type == "NONE"
    error_message = "Slack signs its requests; every other route requires a JWT."
  }
}

run "people_who_sign_in_need_no_jwt" {
  command = plan

  variables {
    jwt = { issuer = "https://id.example.com", audience = ["metasync"] }
  }

  assert {
    condition = alltrue([
      for route in ["GET /", "GET /api/me", "GET /auth/sign-in", "GET /auth/callback", "POST /auth/sign-out", "GET /auth/signed-out", "POST /api/auth/google"] :
      aws_apigatewayv2_route.this[route].authorization_type == "NONE"
    ])
    error_message = "Routes of sign-in, and those with a cookie, require no JWT."
  }

  assert {
    condition     = aws_apigatewayv2_route.this["GET /v1/people"].authorization_type == "JWT"
    error_message = "The administration of people takes no cookie, so it requires a JWT."
  }
}

run "a_domain_is_the_host_of_the_functions" {
  command = plan

  variables {
    domain = {
      name            = "console.example.com"
      certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
    }
  }

  assert {
    condition     = output.url == "https://console.example.com" && aws_apigatewayv2_domain_name.this[0].domain_name == "console.example.com"
    error_message = "The URL of the deployment has the host of the domain."
  }
}

run "a_domain_without_a_certificate_is_refused" {
  command = plan

  variables {
    domain = { name = "console.example.com" }
  }

  expect_failures = [var.domain]
}

run "a_domain_that_is_a_url_is_refused" {
  command = plan

  variables {
    domain = {
      name            = "https://console.example.com"
      certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
    }
  }

  expect_failures = [var.domain]
}

run "an_unknown_key_of_domain_is_refused" {
  command = plan

  variables {
    domain = {
      name            = "console.example.com"
      certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"
      certificate     = "mine"
    }
  }

  expect_failures = [var.domain]
}

run "an_issuer_that_the_network_of_the_database_keeps_out_of_reach_is_reported" {
  command = plan

  variables {
    database  = {}
    variables = { SIGN_IN_CLIENT_ID = "metasync" }
  }

  expect_failures = [check.network]
}

run "nat_leads_from_the_network_of_the_database_to_the_issuer" {
  command = plan

  variables {
    functions = ["metasync"]
    database  = {}
    nat       = true
    variables = { SIGN_IN_CLIENT_ID = "metasync" }
  }

  assert {
    condition     = aws_route.functions_to_internet[0].destination_cidr_block == "0.0.0.0/0" && aws_vpc_security_group_egress_rule.functions_to_internet[0].to_port == 443
    error_message = "The functions' network has a route to the internet, for HTTPS."
  }

  assert {
    condition     = length(aws_route.operators) == 0 && length(aws_internet_gateway.this) == 1
    error_message = "The NAT gateway has an internet gateway, which gives nobody access to the database."
  }
}

run "nat_without_the_network_of_a_database_is_reported" {
  command = plan

  variables {
    nat = true
  }

  expect_failures = [check.nat]
}

run "every_function_is_watched_for_refused_requests" {
  command = plan

  assert {
    condition     = keys(aws_cloudwatch_log_metric_filter.refused_requests) == keys(output.functions) && aws_cloudwatch_metric_alarm.this["refused-requests"].namespace == "metasync/metasync"
    error_message = "The alarm sums the refused requests of the functions of this deployment."
  }
}

run "the_keyring_among_the_variables_is_refused" {
  command = plan

  variables {
    variables = { METASYNC_KEYS = "00" }
  }

  expect_failures = [var.variables]
}

run "a_url_with_a_password_is_refused_among_the_variables" {
  command = plan

  variables {
    variables = { WAREHOUSE_URL = "postgres://reader:word@db.example.com/shop" }
  }

  expect_failures = [var.variables]
}

run "a_url_with_a_password_among_its_parameters_is_refused" {
  command = plan

  variables {
    variables = { WAREHOUSE_URL = "postgres://db.example.com/shop?user=reader&password=word" }
  }

  expect_failures = [var.variables]
}

run "a_url_whose_first_parameter_is_a_password_is_refused" {
  command = plan

  variables {
    variables = { WAREHOUSE_URL = "postgres://reader@db.example.com/shop?PASSWORD=word" }
  }

  expect_failures = [var.variables]
}

run "a_url_without_a_password_is_accepted" {
  command = plan

  variables {
    variables = { WAREHOUSE_URL = "postgres://reader@db.example.com:5432/shop?schemas=public&sslmode=require" }
  }
}

run "a_variable_that_no_function_reads_is_refused" {
  command = plan

  variables {
    variables = { WAREHOSE_URL = "bigquery://my-project/sales" }
  }

  expect_failures = [var.variables]
}

run "a_secret_that_no_function_reads_is_refused" {
  command = plan

  variables {
    secrets = ["AUTH_TOKEN"]
  }

  expect_failures = [var.secrets]
}

run "a_variable_that_no_deployed_function_reads_is_reported" {
  command = plan

  variables {
    functions = ["cache-read"]
    secrets   = ["AUTH_TOKENS", "SLACK_SIGNING_SECRET"]
  }

  expect_failures = [check.catalogue]
}

run "an_alarm_without_a_receiver_is_reported" {
  command = plan

  variables {
    alarm_emails = []
  }

  expect_failures = [check.alarms]
}

run "alarms_notify_a_topic_and_addresses" {
  command = plan

  variables {
    alarm_topic_arn = "arn:aws:sns:eu-central-1:123456789012:on-call"
  }

  override_resource {
    target = aws_sns_topic.alarms
    values = { arn = "arn:aws:sns:eu-central-1:123456789012:metasync-alarms" }
  }

  assert {
    condition     = length(local.alarm_topics) == 2 && length(aws_sns_topic_subscription.alarms) == 1
    error_message = "Alarms notify the topic, and the topic of the addresses."
  }
}

run "only_zones_that_need_no_opt_in_are_selected" {
  command = plan

  variables {
    database = {}
  }

  assert {
    condition     = one(data.aws_availability_zones.this[0].filter).name == "opt-in-status"
    error_message = "Zones are filtered by whether an account must opt in."
  }
}
