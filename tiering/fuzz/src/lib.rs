//! Objects around arbitrary contents, as `docs/formats.md` lays them out, with right checksums: without them
//! no fuzzer gets past the first comparison.
//!
//! Run one target with `cargo +nightly fuzz run <target>` in `tiering/`.

/// The nonce of all objects made here.
pub const NONCE: [u8; 16] = [7; 16];

/// The session of all slots made here.
pub const SESSION: [u8; 16] = [3; 16];

/// The first byte of an input says whether the rest is a whole object or what an object holds.
pub fn split(input: &[u8]) -> Option<(u8, &[u8])> {
    input.split_first().map(|(mode, rest)| (*mode, rest))
}

/// An object of `kind` that holds `payload`.
pub fn enveloped(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut object = vec![1, kind, 0, 0, 0, 0, 0, 0];
    object.extend(NONCE);
    object.extend((payload.len() as u64).to_be_bytes());
    object.extend(crc32c::crc32c(payload).to_be_bytes());
    object.extend(crc32c::crc32c(&object).to_be_bytes());
    object.extend(payload);
    object
}

/// Slot 0 with this body and index.
pub fn slot(body: &[u8], index: &[u8], body_len: u64, body_crc: u32) -> Vec<u8> {
    let mut header = vec![1, 1, 0, 0, 0, 0, 0, 0];
    header.extend(NONCE);
    header.extend(SESSION);
    header.extend(0u64.to_be_bytes());
    header.extend([0; 16]);
    header.extend(body_len.to_be_bytes());
    header.extend((index.len() as u32).to_be_bytes());
    header.extend(body_crc.to_be_bytes());
    header.extend(crc32c::crc32c(index).to_be_bytes());
    header.extend([0; 12]);
    header.extend(crc32c::crc32c(&header).to_be_bytes());
    [&header[..], body, index, &header].concat()
}

/// Gives each record batch in `body` its checksum. Returns the body's own, and how many batches there are.
pub fn mend_batches(body: &mut [u8]) -> (u32, usize) {
    let (mut at, mut heads, mut count) = (0, 0, 0);
    while let Some(batch) = body.get_mut(at..) {
        let Some(len) = batch.get(8..12) else { break };
        let len = u32::from_be_bytes([len[0], len[1], len[2], len[3]]) as usize + 12;
        if len < 21 || len > batch.len() {
            break;
        }
        let crc = crc32c::crc32c(&batch[21..len]);
        batch[17..21].copy_from_slice(&crc.to_be_bytes());
        heads = crc32c::crc32c_append(heads, &batch[..21]);
        at += len;
        count += 1;
    }
    (heads, count)
}
