//! moto, a mock of AWS: one server for all tests of this process.

use std::sync::LazyLock;

use crate::server::Server;

pub static MOTO: LazyLock<Server> = LazyLock::new(|| {
    Server::start("moto", "bin/moto_server", |port| {
        ["-H", "127.0.0.1", "-p", &port.to_string()]
            .map(str::to_owned)
            .into()
    })
});
