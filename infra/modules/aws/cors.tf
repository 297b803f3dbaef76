# Before a browser sends a request of another origin, it asks whether it may, without a token and for any route. Every
# function gives the same answer, by CORS_ORIGINS.
resource "aws_apigatewayv2_route" "preflight" {
  count = lookup(var.variables, "CORS_ORIGINS", "") == "" ? 0 : 1

  api_id    = aws_apigatewayv2_api.this.id
  route_key = "OPTIONS /{proxy+}"
  target    = "integrations/${values(aws_apigatewayv2_integration.this)[0].id}"
}
