output "url" {
  description = "The URL of the functions."
  value       = local.public_url

  # The host of a domain leads nowhere before.
  depends_on = [aws_apigatewayv2_api_mapping.this]
}

output "domain" {
  description = "The host of your own, and the host and hosted zone to which its CNAME or alias record must point."
  value = one([for domain in aws_apigatewayv2_domain_name.this : {
    name   = domain.domain_name
    target = domain.domain_name_configuration[0].target_domain_name
    zone   = domain.domain_name_configuration[0].hosted_zone_id
  }])
}

output "address" {
  description = "The address from which functions with a database call hosts outside."
  value       = one(aws_eip.nat[*].public_ip)
}

output "bucket_url" {
  description = "BUCKET_URL of the deployment, for the command line."
  value       = "s3://${aws_s3_bucket.this.bucket}"
}

output "functions" {
  description = "The deployed functions: name, ARN, role and log group of each."
  value = {
    for name, function in aws_lambda_function.this : name => {
      name      = function.function_name
      arn       = function.arn
      role      = aws_iam_role.function[name].name
      log_group = aws_cloudwatch_log_group.function[name].name
    }
  }
}

output "queues" {
  description = "The queues to which publishers send messages, by the function that they belong to."
  value       = { for name, queue in aws_sqs_queue.messages : name => { url = queue.url, arn = queue.arn, dead_letters = aws_sqs_queue.dead_letters[name].url } }
}

output "failed_runs" {
  description = "The queue of scheduled runs that failed."
  value       = one(aws_sqs_queue.failed_runs[*].url)
}

output "schedules" {
  description = "The schedules, by name."
  value       = { for name, schedule in aws_scheduler_schedule.this : name => schedule.schedule_expression }
}

output "secrets" {
  description = "The secret that holds each variable's value."
  value       = { for variable, secret in aws_secretsmanager_secret.this : variable => secret.arn }
}

output "database" {
  description = "The host of the database, and the secret with its owner's name and password."
  value = one([for database in aws_db_instance.this : {
    host   = database.address
    name   = database.db_name
    secret = database.master_user_secret[0].secret_arn
  }])
}

output "next_steps" {
  description = "The commands to run after apply."
  value = concat(
    [
      for variable, secret in aws_secretsmanager_secret.this :
      format("printf %%s \"$%s\" | aws secretsmanager put-secret-value --region %s --secret-id %s --secret-string file:///dev/stdin", variable, data.aws_region.this.id, secret.name)
    ],
    length(local.uses_database) > 0 ? ["metasync migrate"] : [],
    # The first sync, which a schedule repeats.
    [
      for name in ["metasync", "schema-sync"] :
      format("printf '%s' | aws lambda invoke --region %s --function-name %s-%s --cli-read-timeout 900 --payload fileb:///dev/stdin /dev/stdout", name == "metasync" ? jsonencode({ function = "schema-sync" }) : "{}", data.aws_region.this.id, var.name, name)
      if contains(local.names, name)
    ],
    ["metasync doctor --aws"],
  )
}
