//! A stub of the Lambda Runtime API, for functions in their own process.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::extract::{self, State};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use bytes::Bytes;
use http::StatusCode;
use serde_json::Value;
use tokio::sync::{Notify, oneshot};

/// A Runtime API on a loopback port and its own thread. It stops when it is dropped.
pub struct RuntimeApi {
    address: SocketAddr,
    state: Arc<Api>,
    _stop: oneshot::Sender<()>,
}

#[derive(Default)]
struct Api {
    invocations: Mutex<Invocations>,
    enqueued: Notify,
    polled: Notify,
}

#[derive(Default)]
struct Invocations {
    first_poll: Option<Instant>,
    count: u64,
    pending: VecDeque<Pending>,
    running: Vec<(String, oneshot::Sender<Outcome>)>,
}

struct Pending {
    id: String,
    event: Bytes,
    /// The time limit, from when the event is handed out.
    timeout: Duration,
}

/// The outcome of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The result, byte for byte.
    Done(Bytes),
    Failed {
        error_type: String,
        message: String,
    },
}

impl RuntimeApi {
    pub fn start() -> Self {
        let state = Arc::new(Api::default());
        let service = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(done))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(failed))
            .with_state(state.clone());
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free loopback port");
        let address = listener.local_addr().expect("a bound socket");
        listener.set_nonblocking(true).expect("an open socket");
        let (stop, stopped) = oneshot::channel::<()>();
        // On its own runtime, so that a blocking test does not block the function.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.expect("a runtime").block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    served = axum::serve(listener, service) => served.expect("a server"),
                    _ = stopped => {}
                }
            });
        });
        Self {
            address,
            state,
            _stop: stop,
        }
    }

    /// The command that runs `binary` as a function with this API, with only the variables that Lambda sets.
    pub fn command(&self, binary: &Path) -> Command {
        self.configure(Command::new(binary))
    }

    /// Sets the variables of Lambda and removes all others.
    pub fn configure(&self, mut command: Command) -> Command {
        command.env_clear().envs([
            ("AWS_LAMBDA_RUNTIME_API", self.address.to_string().as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", "function"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_REGION", "eu-central-1"),
        ]);
        command
    }

    /// Hands one event to the function that polls next, and waits for the outcome.
    pub async fn invoke(&self, event: &Value) -> Outcome {
        self.invoke_within(Duration::from_secs(30), event).await
    }

    /// Like [`RuntimeApi::invoke`], with this timeout in the deadline. The stub doesn't enforce it.
    pub async fn invoke_within(&self, timeout: Duration, event: &Value) -> Outcome {
        let (sender, outcome) = oneshot::channel();
        {
            let mut invocations = self.state.lock();
            invocations.count += 1;
            let id = format!("invocation-{}", invocations.count);
            let event = Bytes::from(event.to_string());
            invocations.running.push((id.clone(), sender));
            invocations
                .pending
                .push_back(Pending { id, event, timeout });
        }
        self.state.enqueued.notify_one();
        outcome.await.expect("the stub outlives its invocations")
    }

    /// Waits for the first poll for an event. Returns when it arrived.
    pub async fn first_poll(&self) -> Instant {
        loop {
            let polled = self.state.polled.notified();
            if let Some(at) = self.state.lock().first_poll {
                return at;
            }
            polled.await;
        }
    }
}

/// A process that is killed when this is dropped.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Api {
    fn lock(&self) -> MutexGuard<'_, Invocations> {
        self.invocations.lock().expect("no panic while locked")
    }

    fn end(&self, id: &str, outcome: Outcome) -> StatusCode {
        let mut invocations = self.lock();
        let running = &mut invocations.running;
        let Some(at) = running.iter().position(|(running, _)| running == id) else {
            return StatusCode::BAD_REQUEST;
        };
        let (_, sender) = running.swap_remove(at);
        // The test may have ended.
        let _ = sender.send(outcome);
        StatusCode::ACCEPTED
    }
}

async fn next(State(api): State<Arc<Api>>) -> impl IntoResponse {
    api.lock().first_poll.get_or_insert_with(Instant::now);
    api.polled.notify_waiters();
    let Pending { id, event, timeout } = loop {
        if let Some(next) = api.lock().pending.pop_front() {
            break next;
        }
        api.enqueued.notified().await;
    };
    let deadline = SystemTime::now() + timeout;
    let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH);
    let deadline = deadline.expect("a clock past 1970").as_millis();
    let headers = [
        ("lambda-runtime-aws-request-id", id),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:123456789012:function:function".to_owned(),
        ),
    ];
    (headers, event)
}

async fn done(
    State(api): State<Arc<Api>>,
    extract::Path(id): extract::Path<String>,
    result: Bytes,
) -> StatusCode {
    api.end(&id, Outcome::Done(result))
}

async fn failed(
    State(api): State<Arc<Api>>,
    extract::Path(id): extract::Path<String>,
    error: Bytes,
) -> StatusCode {
    // The runtime sends no content type.
    let error: Value = serde_json::from_slice(&error).unwrap_or_default();
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    let outcome = Outcome::Failed {
        error_type: text("errorType"),
        message: text("errorMessage"),
    };
    api.end(&id, outcome)
}
