# One address for all functions. It has only the routes of the catalogue, so it doesn't expose the triggers
# (`/events/*`).
resource "aws_apigatewayv2_api" "this" {
  name          = var.name
  description   = "The functions of ${var.name}"
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_stage" "this" {
  api_id      = aws_apigatewayv2_api.this.id
  name        = "$default"
  auto_deploy = true

  default_route_settings {
    throttling_rate_limit  = var.requests_per_second
    throttling_burst_limit = var.requests_per_second
  }
}

resource "aws_apigatewayv2_integration" "this" {
  for_each = { for name, it in local.functions : name => it if length(it.routes) > 0 }

  api_id                 = aws_apigatewayv2_api.this.id
  integration_type       = "AWS_PROXY"
  integration_uri        = aws_lambda_function.this[each.key].invoke_arn
  payload_format_version = "2.0"
  # The limit of the gateway. Longer requests continue, and their callers get 503.
  timeout_milliseconds = min(30000, each.value.timeout_seconds * 1000)
}

resource "aws_apigatewayv2_authorizer" "jwt" {
  count = var.jwt == null ? 0 : 1

  api_id           = aws_apigatewayv2_api.this.id
  name             = "jwt"
  authorizer_type  = "JWT"
  identity_sources = ["$request.header.Authorization"]

  jwt_configuration {
    issuer   = var.jwt.issuer
    audience = var.jwt.audience
  }
}

resource "aws_apigatewayv2_route" "this" {
  for_each = local.routes

  api_id    = aws_apigatewayv2_api.this.id
  route_key = each.key
  target    = "integrations/${aws_apigatewayv2_integration.this[each.value].id}"

  # Senders that sign their requests, and people who sign in, have no JWT: the function verifies the signature, the
  # cookie, or the token of the issuer.
  authorization_type = local.wants_jwt[each.key] ? "JWT" : "NONE"
  authorizer_id      = local.wants_jwt[each.key] ? aws_apigatewayv2_authorizer.jwt[0].id : null
}

locals {
  wants_jwt = {
    for route, name in local.routes : route => var.jwt != null && !contains(concat(
      local.functions[name].signed_routes,
      local.functions[name].cookie_routes,
      local.functions[name].open_routes,
    ), route)
  }
}

resource "aws_lambda_permission" "http_api" {
  for_each = aws_apigatewayv2_integration.this

  statement_id  = "http-api"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this[each.key].function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/*/*"
}
