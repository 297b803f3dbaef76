//! Limits on the rate of each caller's requests, per process, so that one caller can't take the capacity of all.
//!
//! A request counts as a read or a write, and in the class of its route if it has one. Triggers, probes, signed
//! requests and `AUTH_MODE=open` are not limited.
//!
//! `RATE_LIMITS` changes the limits: `read=100/s,model=120/min,administration=off`. The burst of a class is always the
//! same number of seconds' worth of requests, so that a lower rate also has a smaller burst. The responses have the fields of draft-ietf-httpapi-ratelimit-headers.

use std::hash::{BuildHasher as _, RandomState};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::Route;
use governor::clock::Clock as _;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use http::{HeaderName, HeaderValue, Method};
use tower::Layer;

use super::limits::Routed;
use crate::clock::Moment;
use crate::error::whole_seconds;
use crate::{Caller, Clock, Env, Error};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const REMAINING: HeaderName = HeaderName::from_static("ratelimit");
/// The time after which callers are forgotten whose burst is whole again.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// A class of routes with a common limit per caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Read,
    Write,
    /// Routes that call the language model or the warehouse for each request.
    Model,
    /// Routes that administer people, tokens, settings and stored data.
    Administration,
}

const CLASSES: [Class; 4] = [
    Class::Read,
    Class::Write,
    Class::Model,
    Class::Administration,
];

impl Class {
    fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Model => "model",
            Self::Administration => "administration",
        }
    }

    /// The class of every route.
    pub(super) fn of(method: &Method) -> Self {
        match *method {
            Method::GET | Method::HEAD => Self::Read,
            _ => Self::Write,
        }
    }

    fn default_rate(self) -> Option<Rate> {
        match self {
            Self::Read | Self::Write => None,
            Self::Model => Rate::parse("2/s", self),
            Self::Administration => Rate::parse("20/s", self),
        }
    }

    /// How many seconds' worth of requests a caller may send at once.
    fn burst_seconds(self) -> u64 {
        match self {
            Self::Read | Self::Write => 10,
            Self::Model => 30,
            Self::Administration => 5,
        }
    }
}

/// A layer for routes of a class other than read and write.
pub fn rate_class(class: Class) -> impl Layer<Route, Service = impl Routed> + Clone + Send + Sync {
    from_fn_with_state(class, in_class)
}

async fn in_class(State(class): State<Class>, request: Request, next: Next) -> Response {
    match request.extensions().get::<Metered>().cloned() {
        Some(limited) => limited.run(class, next.run(request)).await,
        None => next.run(request).await,
    }
}

/// The caller of a request whose rate is limited.
#[derive(Clone)]
pub(super) struct Metered {
    pub(super) rates: Arc<Rates>,
    /// A hash of the caller, because names can be long.
    pub(super) caller: u64,
}

impl Metered {
    /// The response, or the refusal of a caller who is over the limit of the class.
    pub(super) async fn run(self, class: Class, next: impl Future<Output = Response>) -> Response {
        let Some(limit) = &self.rates.limits[class as usize] else {
            return next.await;
        };
        let (mut response, remaining, seconds) = match limit.take(self.caller) {
            Ok(remaining) => (next.await, remaining, whole_seconds(limit.rate.every)),
            Err(retry_after) => {
                let detail = format!(
                    "too many requests of the class `{}`: send the next one after the seconds in `Retry-After`",
                    class.name()
                );
                let error = Error::TooMany {
                    detail,
                    retry_after,
                };
                let seconds = whole_seconds(retry_after).max(1);
                (error.into_response(), 0, seconds)
            }
        };
        let remaining = format!("\"{}\";r={remaining};t={seconds}", class.name());
        let headers = response.headers_mut();
        headers.append(POLICY, limit.policy.clone());
        if let Ok(remaining) = HeaderValue::try_from(remaining) {
            headers.append(REMAINING, remaining);
        }
        response
    }
}

/// The limits of each class, and what its callers have used.
pub(super) struct Rates {
    limits: [Option<Limit>; CLASSES.len()],
    hasher: RandomState,
}

/// One request in each period, and this many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rate {
    every: Duration,
    burst: NonZeroU32,
}

struct Limit {
    rate: Rate,
    policy: HeaderValue,
    used: RateLimiter<u64, HashMapStateStore<u64>, Elapsed, StateInformationMiddleware>,
    /// When idle callers were last forgotten, in whole seconds.
    swept: AtomicU64,
}

impl Rates {
    pub(super) fn new(env: &Env, clock: &Clock) -> anyhow::Result<Self> {
        let rates = rates(env)?;
        let clock = Elapsed::new(clock.clone());
        let limit = |at: usize| {
            let rate = rates[at]?;
            Limit::new(CLASSES[at], rate, clock.clone())
        };
        Ok(Self {
            limits: std::array::from_fn(limit),
            hasher: RandomState::new(),
        })
    }

    /// What limits the rate of a caller. Callers of different kinds don't share one, whatever their names.
    pub(super) fn of(self: Arc<Self>, caller: &Caller) -> Metered {
        let caller = self.hasher.hash_one(caller.key());
        Metered {
            rates: self,
            caller,
        }
    }
}

/// The rate of each class, from `RATE_LIMITS` and the defaults.
fn rates(env: &Env) -> anyhow::Result<[Option<Rate>; CLASSES.len()]> {
    let mut rates = CLASSES.map(Class::default_rate);
    let Some(text) = env.get("RATE_LIMITS") else {
        return Ok(rates);
    };
    let form = || {
        format!(
            "RATE_LIMITS is {text:?}: set it to classes with their rate, such as \
             read=100/s,write=50/s,administration=20/s,model=120/min, or off in place of a rate"
        )
    };
    let mut seen = Vec::new();
    for item in text.split(',') {
        let (name, rate) = item.trim().split_once('=').with_context(form)?;
        let class = CLASSES.into_iter().find(|class| class.name() == name);
        let class = class.filter(|class| !seen.contains(class));
        let class = class.with_context(form)?;
        seen.push(class);
        rates[class as usize] = match rate {
            "off" => None,
            rate => Some(Rate::parse(rate, class).with_context(form)?),
        };
    }
    Ok(rates)
}

impl Rate {
    /// Parses `100/s` or `120/min`.
    fn parse(text: &str, class: Class) -> Option<Self> {
        let (count, unit) = text.split_once('/')?;
        let count: NonZeroU32 = count.parse().ok()?;
        let seconds = match unit {
            "s" => 1,
            "min" => 60,
            _ => return None,
        };
        let every = Duration::from_secs(seconds) / count.get();
        let burst = u64::from(count.get()) * class.burst_seconds() / seconds;
        let burst = NonZeroU32::new(u32::try_from(burst.max(1)).ok()?)?;
        // A shorter period than the clock's would be no limit.
        (!every.is_zero()).then_some(Self { every, burst })
    }
}

impl Limit {
    fn new(class: Class, rate: Rate, clock: Elapsed) -> Option<Self> {
        let quota = Quota::with_period(rate.every)?.allow_burst(rate.burst);
        let window = whole_seconds(rate.every * rate.burst.get());
        let policy = format!("\"{}\";q={};w={window}", class.name(), rate.burst);
        Some(Self {
            rate,
            policy: HeaderValue::try_from(policy).ok()?,
            used: RateLimiter::new(quota, HashMapStateStore::default(), clock),
            swept: AtomicU64::new(0),
        })
    }

    /// Counts a request and returns how many may follow it at once, or the time until the next one may.
    fn take(&self, caller: u64) -> Result<u32, Duration> {
        self.forget_idle();
        match self.used.check_key(&caller) {
            Ok(state) => Ok(state.remaining_burst_capacity()),
            Err(until) => Err(until.wait_time_from(self.used.clock().now())),
        }
    }

    fn forget_idle(&self) {
        let now: Duration = self.used.clock().now().into();
        let swept = self.swept.load(Ordering::Relaxed);
        if now.as_secs() < swept + SWEEP_EVERY.as_secs() {
            return;
        }
        let order = Ordering::Relaxed;
        let is_mine = self
            .swept
            .compare_exchange(swept, now.as_secs(), order, order);
        if is_mine.is_ok() {
            self.used.retain_recent();
            self.used.shrink_to_fit();
        }
    }
}

/// The time since the start of the process. It never goes back, and goes on while a function is frozen.
#[derive(Clone)]
struct Elapsed {
    clock: Clock,
    last: Arc<Mutex<(Moment, Duration)>>,
}

impl Elapsed {
    fn new(clock: Clock) -> Self {
        let last = (clock.now(), Duration::ZERO);
        Self {
            clock,
            last: Arc::new(Mutex::new(last)),
        }
    }
}

impl governor::clock::Clock for Elapsed {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        let (earlier, elapsed) = *last;
        *last = (now, elapsed + now.since(earlier));
        last.1.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(every: Duration, burst: u32) -> Option<Rate> {
        let burst = NonZeroU32::new(burst).unwrap();
        Some(Rate { every, burst })
    }

    #[test]
    fn each_class_has_a_default_that_rate_limits_replaces() {
        let model = rate(Duration::from_millis(500), 60);
        let administration = rate(Duration::from_millis(50), 100);
        assert_eq!(
            rates(&Env::default()).unwrap(),
            [None, None, model, administration]
        );
        let env = Env::default().with("RATE_LIMITS", "read=100/s, model=1/min,administration=off");
        let read = rate(Duration::from_millis(10), 1_000);
        let model = rate(Duration::from_secs(60), 1);
        assert_eq!(rates(&env).unwrap(), [read, None, model, None]);
    }

    #[test]
    fn a_default_that_is_written_out_is_the_default_and_a_lower_rate_has_a_smaller_burst() {
        let of = |text: &str| rates(&Env::default().with("RATE_LIMITS", text)).unwrap();
        let default = rates(&Env::default()).unwrap();
        assert_eq!(of("administration=20/s,model=2/s"), default);
        assert_eq!(of("administration=1200/min,model=120/min"), default);
        let model = rate(Duration::from_secs(1), 30);
        let administration = rate(Duration::from_millis(100), 50);
        let lower = of("administration=10/s,model=60/min");
        assert_eq!(lower, [None, None, model, administration]);
    }

    #[test]
    fn a_rate_that_is_none_is_an_error_that_says_what_to_set() {
        for wrong in [
            "100/s",
            "read",
            "read=",
            "read=0/s",
            "read=-1/s",
            "read=1.5/s",
            "read=1/h",
            "read=1",
            "Read=1/s",
            "reads=1/s",
            "read=1/s,",
            "read=1/s,read=2/s",
            "read=99999999999/s",
            "read=4294967295/s",
            "off",
        ] {
            let error = rates(&Env::default().with("RATE_LIMITS", wrong)).unwrap_err();
            let error = error.to_string();
            assert!(error.starts_with("RATE_LIMITS is \""), "{wrong}: {error}");
            assert!(error.contains("model=120/min"), "{error}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn callers_whose_burst_is_whole_again_are_forgotten() {
        let env = Env::default().with("RATE_LIMITS", "read=60/min");
        let rates = Rates::new(&env, &Clock::default()).unwrap();
        let limit = rates.limits[Class::Read as usize].as_ref().unwrap();
        for caller in 0..1_000 {
            limit.take(caller).unwrap();
        }
        assert_eq!(limit.used.len(), 1_000);
        tokio::time::advance(Duration::from_secs(61)).await;
        limit.take(0).unwrap();
        assert_eq!(limit.used.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wall_clock_that_is_set_back_neither_refills_nor_stops_a_limit() {
        let wall = Arc::new(AtomicU64::new(1_000_000));
        let read = wall.clone();
        let clock = Clock::with_wall(move || {
            std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(read.load(Ordering::Relaxed))
        });
        let env = Env::default().with("RATE_LIMITS", "read=1/min");
        let rates = Rates::new(&env, &clock).unwrap();
        let limit = rates.limits[Class::Read as usize].as_ref().unwrap();
        assert_eq!(limit.take(1), Ok(0));
        assert_eq!(limit.take(1), Err(Duration::from_secs(60)));
        // The function was frozen for a minute.
        wall.fetch_add(60, Ordering::Relaxed);
        assert_eq!(limit.take(1), Ok(0));
        wall.fetch_sub(3_600, Ordering::Relaxed);
        assert_eq!(limit.take(1), Err(Duration::from_secs(60)));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(limit.take(1), Ok(0));
    }
}
