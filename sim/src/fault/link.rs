//! The way to a store and back: so many bytes a second, shared by all bodies that are on it.

use std::fmt;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::sleep;

/// One direction. Bodies on it take turns, piece by piece, in the order in which they came.
#[derive(Default)]
pub struct Link {
    /// Bytes a second; there is no bound if there is no rate.
    rate: Mutex<Option<u64>>,
    turn: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({:?})", self.rate())
    }
}

impl Link {
    /// Carries so many bytes a second from now on, what is on its way included.
    pub fn set_rate(&self, bytes_a_second: Option<u64>) {
        *self.rate.lock() = bytes_a_second;
    }

    /// Bytes a second.
    pub fn rate(&self) -> Option<u64> {
        *self.rate.lock()
    }

    /// Carries a body; `told` is called with the bytes of each piece that has arrived. If this is dropped, the rest
    /// takes no other body's turn.
    pub async fn carry(&self, bytes: u64, told: impl Fn(u64)) {
        let mut left = bytes;
        while let Some(rate) = self.rate().filter(|_| left > 0) {
            let _turn = self.turn.lock().await;
            // A tenth of a second, or a packet.
            let piece = (rate / 10).max(1500).min(left);
            sleep(Duration::from_secs_f64(piece as f64 / rate.max(1) as f64)).await;
            left -= piece;
            told(piece);
        }
        if left > 0 {
            told(left);
        }
    }
}
