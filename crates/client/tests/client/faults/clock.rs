//! Tokio's clock, quicker than it is, for limits of time in front of real sockets. It goes on only when the runtime has its turn, so that a busy machine
//! makes nothing late.

use std::time::Duration;

use tokio::task::JoinHandle;

/// What passes on tokio's clock in a real [`TICK`].
const PASSES: Duration = Duration::from_millis(250);
const TICK: Duration = Duration::from_millis(1);

/// Runs tokio's clock, which is to be paused, until it is dropped.
pub(crate) struct Quick(JoinHandle<()>);

impl Quick {
    pub(crate) fn start() -> Quick {
        Quick(tokio::spawn(async {
            loop {
                // While a thread of this kind works, a paused clock does not go on by itself, whoever waits for a socket.
                tokio::task::spawn_blocking(|| std::thread::sleep(TICK)).await.unwrap();
                tokio::time::advance(PASSES).await;
            }
        }))
    }
}

impl Drop for Quick {
    fn drop(&mut self) {
        self.0.abort();
    }
}
