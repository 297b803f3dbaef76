# Tests of requests of other origins. They need no account: the keys are made up.
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

run "other_origins_cannot_ask_by_default" {
  command = plan

  assert {
    condition     = length(aws_apigatewayv2_route.preflight) == 0
    error_message = "No route answers a preflight request unless CORS_ORIGINS is set."
  }
}

run "listed_origins_ask_a_function_without_a_token" {
  command = plan

  variables {
    variables = { CORS_ORIGINS = "https://app.example" }
    jwt       = { issuer = "https://login.example", audience = ["metasync"] }
  }

  assert {
    condition     = one(aws_apigatewayv2_route.preflight).route_key == "OPTIONS /{proxy+}"
    error_message = "The gateway passes preflight requests for every route on."
  }

  assert {
    condition     = one(aws_apigatewayv2_route.preflight).authorization_type == "NONE"
    error_message = "A preflight request has no token."
  }
}
