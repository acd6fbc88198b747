//! A store that lies about sealed objects, through the client: whatever it answers, what is released is the truth or a prefix of it, and
//! what comes of each lie is one kind of error.

mod bodies;
mod downgrades;
mod envelopes;
mod malicious_store;
mod replies;
mod unwrapping;
mod writes;
