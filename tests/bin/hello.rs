//! The hello world of lambda_http's own documentation: what a Rust function costs at least.

use lambda_http::{Error, IntoResponse, Request, run, service_fn};

async fn hello(_: Request) -> Result<impl IntoResponse, Error> {
    Ok("hello")
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(hello)).await
}
