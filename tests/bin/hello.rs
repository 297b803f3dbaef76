//! The hello world from the documentation of lambda_http, as the lower bound of a Rust function.

use lambda_http::{Error, IntoResponse, Request, run, service_fn};

async fn hello(_: Request) -> Result<impl IntoResponse, Error> {
    Ok("hello")
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    run(service_fn(hello)).await
}
