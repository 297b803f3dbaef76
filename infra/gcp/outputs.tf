output "urls" {
  description = "The URL of each function."
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
  description = "The topics to which publishers send messages."
  value       = module.metasync.queues
}

output "secrets" {
  description = "The secret that holds each variable's value."
  value       = module.metasync.secrets
}

output "database" {
  description = "The connection name of the database, if one was created."
  value       = module.metasync.database
}

output "repository" {
  description = "The repository of the image."
  value       = module.metasync.repository
}

output "next_steps" {
  description = "The commands to run after apply, one per line: print them with `output -raw`."
  value       = join("\n", module.metasync.next_steps)
}
