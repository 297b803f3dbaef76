output "urls" {
  description = "Where each function is called."
  value       = module.metasync.urls
}

output "bucket_url" {
  description = "BUCKET_URL of the deployment, for the command line."
  value       = module.metasync.bucket_url
}

output "functions" {
  description = "The deployed functions."
  value       = module.metasync.functions
}

output "queues" {
  description = "Where a publisher sends messages."
  value       = module.metasync.queues
}

output "secrets" {
  description = "The secret that holds each variable's value."
  value       = module.metasync.secrets
}

output "database" {
  description = "Where the database is, if one was created."
  value       = module.metasync.database
}

output "repository" {
  description = "Where the image is pushed to."
  value       = module.metasync.repository
}

output "next_steps" {
  description = "The commands that come after apply, a line each: read them by `output -raw`."
  value       = join("\n", module.metasync.next_steps)
}
