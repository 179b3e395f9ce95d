//! The calls that came in, so that a test can see what the connector really asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::directory::ProxyHash;

/// The journal keeps the last calls, this many.
pub const CAPACITY: usize = 100_000;

/// A call of the search, noted when it was read and not when it was answered.
#[derive(Debug, Serialize)]
pub struct Call {
    /// When it came in.
    pub at: DateTime<Utc>,
    /// `X-Correlation-Id`
    pub correlation_id: Option<String>,
    /// `X-Requester-Ref`
    pub requester_ref: Option<String>,
    /// What it asked; of a refused call, what could be read.
    pub hashes: Vec<ProxyHash>,
    /// What it is answered; none where the connection is reset.
    pub status: Option<u16>,
}

/// The last [`CAPACITY`] calls.
#[derive(Debug)]
pub struct Journal<C>(Mutex<VecDeque<Arc<C>>>);

impl<C> Default for Journal<C> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<C: Serialize> Journal<C> {
    /// Notes a call.
    pub fn record(&self, call: C) {
        let call = Arc::new(call);
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.len() == CAPACITY {
            calls.pop_front();
        }
        calls.push_back(call);
    }

    /// `{"calls":[…]}`, oldest first.
    ///
    /// # Errors
    /// None that a call can bring about.
    pub fn to_json(&self) -> serde_json::Result<Vec<u8>> {
        #[derive(Serialize)]
        struct Calls<'a, C> {
            calls: Vec<&'a C>,
        }
        // The lock is not held while a long journal is written.
        let calls: Vec<_> = self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
        serde_json::to_vec(&Calls { calls: calls.iter().map(AsRef::as_ref).collect() })
    }

    /// Forgets all calls.
    pub fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
