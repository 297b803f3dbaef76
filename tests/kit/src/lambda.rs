//! A stub of the Lambda Runtime API, for functions that run as a process of their own.

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

/// The Runtime API on a loopback port, on a thread of its own, until it is dropped.
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
    waiting: VecDeque<Waiting>,
    running: Vec<(String, oneshot::Sender<Outcome>)>,
}

struct Waiting {
    id: String,
    event: Bytes,
    /// From when it is handed out.
    time: Duration,
}

/// How an invocation ended.
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
        listener.set_nonblocking(true).expect("a socket of ours");
        let (stop, stopped) = oneshot::channel::<()>();
        // A runtime of its own, so that a test that blocks does not hold up the function.
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

    /// The command that runs `binary` as a function of this API, with no other variables than
    /// Lambda's.
    pub fn command(&self, binary: &Path) -> Command {
        self.configure(Command::new(binary))
    }

    /// Gives a command Lambda's variables, and takes away all others.
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

    /// Hands one event to whichever function polls next, and waits for how it ends.
    pub async fn invoke(&self, event: &Value) -> Outcome {
        self.invoke_within(Duration::from_secs(30), event).await
    }

    /// As [`RuntimeApi::invoke`], of a function with this timeout. Nobody is stopped after it.
    pub async fn invoke_within(&self, time: Duration, event: &Value) -> Outcome {
        let (ended, outcome) = oneshot::channel();
        {
            let mut invocations = self.state.lock();
            invocations.count += 1;
            let id = format!("invocation-{}", invocations.count);
            let event = Bytes::from(event.to_string());
            invocations.running.push((id.clone(), ended));
            invocations.waiting.push_back(Waiting { id, event, time });
        }
        self.state.enqueued.notify_one();
        outcome.await.expect("the stub outlives its invocations")
    }

    /// When the first complete poll for an event arrived; waits for it.
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

/// A process that is killed with its test.
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
        let (_, ended) = running.swap_remove(at);
        // The test may have gone.
        let _ = ended.send(outcome);
        StatusCode::ACCEPTED
    }
}

async fn next(State(api): State<Arc<Api>>) -> impl IntoResponse {
    api.lock().first_poll.get_or_insert_with(Instant::now);
    api.polled.notify_waiters();
    let Waiting { id, event, time } = loop {
        if let Some(next) = api.lock().waiting.pop_front() {
            break next;
        }
        api.enqueued.notified().await;
    };
    let deadline = SystemTime::now() + time;
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
    // The runtime sends no content type along.
    let error: Value = serde_json::from_slice(&error).unwrap_or_default();
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    let outcome = Outcome::Failed {
        error_type: text("errorType"),
        message: text("errorMessage"),
    };
    api.end(&id, outcome)
}
