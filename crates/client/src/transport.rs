//! HTTP below the client: the [`Transport`] interface, its implementations, and stall detection.

mod body;
mod frame_splitter;
mod https;
mod in_process;
mod interface;
mod stall_detection;
mod throttled;

pub(crate) use body::{empty, full, read_up_to, stream};
pub use https::Https;
pub use in_process::InProcess;
pub use interface::{Body, BoxError, Transport, TransportError};
pub(crate) use stall_detection::{StallDetector, TooSlow, watch_request, watch_response};
pub use throttled::Throttled;
