# The places for the secrets. Their values are put there by hand (see the output next_steps) and
# stand in no state.
resource "aws_secretsmanager_secret" "this" {
  for_each = var.secrets

  name                    = "${var.name}/${each.key}"
  description             = "${each.key} of ${var.name}"
  recovery_window_in_days = var.keep_data ? 7 : 0
}
