//! Applies the injected faults to a call.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt;
use osseal_wire::oss::ServiceError;

use crate::body::Closed;
use crate::body::{Body, BoxError};
use crate::fault::Action;

/// Actions that apply to one call.
pub(crate) struct Plan(Vec<Action>);

impl Plan {
    pub(crate) fn new(actions: Vec<Action>) -> Plan {
        Plan(actions)
    }

    /// Applies the actions that precede the request: drop, hang, delay.
    pub(crate) async fn before(&self) -> Result<(), Closed> {
        for action in &self.0 {
            match action {
                Action::Drop => return Err(Closed),
                Action::Hang => std::future::pending().await,
                Action::Delay(duration) => tokio::time::sleep(*duration).await,
                _ => {}
            }
        }
        Ok(())
    }

    /// Error reply to send instead of executing the request.
    pub(crate) fn refusal(&self) -> Option<ServiceError> {
        self.0.iter().find_map(|action| match action {
            Action::Refuse { status, code, .. } => Some(error(*status, code)),
            _ => None,
        })
    }

    /// Number of request body bytes after which the connection closes.
    pub(crate) fn stop_reading(&self) -> Option<u64> {
        self.0.iter().find_map(|action| match action {
            Action::StopReading { after } => Some(*after),
            _ => None,
        })
    }
}

/// Applies the actions that change the reply.
pub(crate) fn after(mut response: Response<Body>, plan: &Plan) -> Result<Response<Body>, Closed> {
    for action in &plan.0 {
        match action {
            Action::LoseReply => return Err(Closed),
            Action::RefuseAfter { status, code } => {
                let document = error(*status, code).to_xml("");
                *response.status_mut() =
                    StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                response
                    .headers_mut()
                    .insert(http::header::CONTENT_LENGTH, HeaderValue::from(document.len()));
                *response.body_mut() = crate::body::full(document);
            }
            Action::Refuse { headers, .. } => {
                for (name, value) in headers {
                    set(&mut response, name, Some(value));
                }
            }
            Action::ReplyHeader { name, value } => set(&mut response, name, value.as_deref()),
            Action::CutReply { after } => spoil(&mut response, *after, Spoil::Cut),
            Action::StallReply { after } => spoil(&mut response, *after, Spoil::Stall),
            Action::FlipReply { at } => spoil(&mut response, *at, Spoil::Flip),
            Action::Drop | Action::Hang | Action::Delay(_) | Action::StopReading { .. } => {}
        }
    }
    Ok(response)
}

fn error(status: u16, code: &str) -> ServiceError {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    ServiceError::new(status, code, "A fault that was ordered.", "")
}

fn set(response: &mut Response<Body>, name: &str, value: Option<&str>) {
    let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { return };
    match value.map(HeaderValue::from_str) {
        Some(Ok(value)) => drop(response.headers_mut().insert(name, value)),
        _ => drop(response.headers_mut().remove(name)),
    }
}

fn spoil(response: &mut Response<Body>, at: u64, how: Spoil) {
    let body = std::mem::replace(response.body_mut(), crate::body::empty());
    *response.body_mut() = Spoiled { body, at, sent: 0, how }.boxed_unsync();
}

#[derive(Clone, Copy)]
enum Spoil {
    Cut,
    Stall,
    Flip,
}

/// A reply body that is cut, stalled or altered at one offset.
struct Spoiled {
    body: Body,
    at: u64,
    sent: u64,
    how: Spoil,
}

impl http_body::Body for Spoiled {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let ends = self.sent >= self.at;
        match self.how {
            Spoil::Cut if ends => return Poll::Ready(Some(Err(Closed.into()))),
            Spoil::Stall if ends => return Poll::Pending,
            _ => {}
        }
        let frame = match std::task::ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => frame,
            other => return Poll::Ready(other),
        };
        let Ok(mut data) = frame.into_data() else { return Poll::Ready(None) };
        let left = usize::try_from(self.at - self.sent.min(self.at)).unwrap_or(usize::MAX);
        match self.how {
            Spoil::Cut | Spoil::Stall => data.truncate(left),
            Spoil::Flip if !ends || left == 0 => {
                if left < data.len() && self.sent <= self.at {
                    let mut bytes = BytesMut::from(&data[..]);
                    bytes[left] ^= 1;
                    data = bytes.freeze();
                }
            }
            Spoil::Flip => {}
        }
        self.sent += data.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(data))))
    }
}
