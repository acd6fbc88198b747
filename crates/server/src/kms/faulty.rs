//! Carries out the faults that were ordered for a call.

use http::StatusCode;
use osseal_wire::kms::KmsError;
use serde_json::{Map, Value};

use super::faults::{Action, Faults, Operation};
use crate::body::Closed;

/// What is sent.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn json(status: StatusCode, body: String) -> Answer {
        Answer { status, content_type: "application/json;charset=utf-8", body: body.into_bytes() }
    }
}

/// What happens before anything is done.
pub(super) async fn before(actions: &[Action]) -> Result<(), Closed> {
    for action in actions {
        match action {
            Action::Drop => return Err(Closed),
            Action::Hang => std::future::pending().await,
            Action::Delay(duration) => tokio::time::sleep(*duration).await,
            _ => {}
        }
    }
    Ok(())
}

/// The refusal to give instead of doing anything.
pub(super) fn refusal(actions: &[Action]) -> Option<KmsError> {
    actions.iter().find_map(|action| match action {
        Action::Refuse { status, code } => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            Some(KmsError::new(status, code, "A fault that was ordered."))
        }
        _ => None,
    })
}

/// The answer to a call that was done, with what was ordered for it.
pub(super) async fn success(
    reply: String,
    operation: Operation,
    faults: Option<&Faults>,
    actions: &[Action],
) -> Answer {
    let previous = faults.and_then(|faults| faults.previous(operation, &reply));
    let mut answer = Answer::json(StatusCode::OK, reply);
    for action in actions {
        match action {
            Action::LateReply(duration) => tokio::time::sleep(*duration).await,
            Action::Member { name, value } => edit(&mut answer, |members| {
                match value {
                    Some(value) => members.insert((*name).to_owned(), value.clone()),
                    None => members.remove(*name),
                };
            }),
            Action::RepeatMember(name) => {
                if let Some(value) =
                    previous.as_ref().and_then(|reply| members(reply.as_bytes()).remove(*name))
                {
                    edit(&mut answer, |members| drop(members.insert((*name).to_owned(), value)));
                }
            }
            Action::RepeatReply => {
                if let Some(previous) = &previous {
                    answer.body = previous.clone().into_bytes();
                }
            }
            Action::Twice(name) => {
                let value = members(&answer.body).remove(*name).unwrap_or(Value::Null);
                let again = format!("{{{}:{value},", Value::from(*name));
                answer.body.splice(..1, again.into_bytes());
            }
            Action::Truncate(after) => answer.body.truncate(*after),
            Action::Document { content_type, body } => {
                (answer.content_type, answer.body) = (content_type, body.clone());
            }
            Action::Refuse { .. } | Action::Drop | Action::Hang | Action::Delay(_) => {}
        }
    }
    answer
}

fn edit(answer: &mut Answer, change: impl FnOnce(&mut Map<String, Value>)) {
    let mut members = members(&answer.body);
    change(&mut members);
    answer.body = Value::Object(members).to_string().into_bytes();
}

fn members(body: &[u8]) -> Map<String, Value> {
    serde_json::from_slice(body).unwrap_or_default()
}
