//! Compression: round trips, the two forms of Snappy, and bombs.

use bytes::Bytes;
use proptest::prelude::*;

use super::LIMIT;
use crate::records::{BatchError, Compression};

const COMPRESSING: [Compression; 4] =
    [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

fn compress(codec: Compression, data: &[u8]) -> Bytes {
    codec.compress(data).expect("it is compressed").into()
}

#[test]
fn names_and_ids() {
    for codec in Compression::ALL {
        assert_eq!(codec.name().parse(), Ok(codec));
        assert_eq!(Compression::from_id(codec.id()), Some(codec));
    }
    assert!("brotli".parse::<Compression>().is_err());
    assert_eq!(Compression::from_id(5), None);
}

#[test]
fn sizes_around_every_buffer() {
    for codec in Compression::ALL {
        for size in [0, 1, 16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 32 * 1024, 65_537, 300_000] {
            let data: Vec<u8> = (0..size).map(|place| (place / 7 % 251) as u8).collect();
            let compressed = compress(codec, &data);
            assert_eq!(codec.decompress(&compressed, size), Ok(data.clone().into()), "{codec} {size}");
            assert_eq!(codec.decompress(&compressed, usize::MAX), Ok(data.into()), "{codec} {size}");
            if size > 0 {
                let limit = size - 1;
                let error = Err(BatchError::TooLarge { limit });
                assert_eq!(codec.decompress(&compressed, limit), error, "{codec} {size}");
            }
        }
    }
}

#[test]
fn levels_are_those_of_the_codec() {
    let data: Vec<u8> = (0..200_000u32).flat_map(|n| (n * n % 7919).to_be_bytes()).collect();
    let size = |codec: Compression, level| {
        let compressed: Bytes = codec.compress_at(level, &data).expect("it is compressed").into();
        assert_eq!(codec.decompress(&compressed, data.len()).as_deref(), Ok(&data[..]), "{codec} {level:?}");
        compressed.len()
    };
    assert!(size(Compression::Gzip, Some(9)) < size(Compression::Gzip, Some(1)));
    assert!(size(Compression::Zstd, Some(19)) < size(Compression::Zstd, Some(-5)));
    assert_eq!(size(Compression::Gzip, None), size(Compression::Gzip, Some(6)));
    assert_eq!(size(Compression::Zstd, None), size(Compression::Zstd, Some(3)));
    for codec in [Compression::None, Compression::Snappy, Compression::Lz4] {
        assert_eq!(size(codec, Some(1)), size(codec, None));
    }
}

#[test]
fn snappy_raw_and_framed() {
    let data = b"snappy snappy snappy snappy".repeat(10_000);
    let raw: Bytes = snap::raw::Encoder::new().compress_vec(&data).expect("it is compressed").into();
    assert_eq!(Compression::Snappy.decompress(&raw, LIMIT).as_deref(), Ok(&data[..]));
    let framed = compress(Compression::Snappy, &data);
    assert_eq!(framed[..16], *b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01");
    assert_eq!(Compression::Snappy.decompress(&framed, LIMIT).as_deref(), Ok(&data[..]));
    for length in 0..framed.len().min(64) {
        let cut = Compression::Snappy.decompress(&framed.slice(..length), LIMIT);
        assert!(length == 16 || cut.is_err(), "{length} bytes");
    }
}

#[test]
fn bombs_do_not_go_off() {
    let bomb = vec![0; 64 << 20];
    for codec in COMPRESSING {
        let compressed = compress(codec, &bomb);
        let limit = 1 << 20;
        let used = allocation_counter::measure(|| {
            assert_eq!(codec.decompress(&compressed, limit), Err(BatchError::TooLarge { limit }), "{codec}");
        });
        assert!(used.bytes_max < 3 * limit as u64, "{codec}: {used:?}");
    }
}

#[test]
fn claims_are_not_believed() {
    // A raw block that claims 16 MB, and has none.
    let claim = Bytes::from_static(&[0xff, 0xff, 0xff, 0x07, 0]);
    let used = allocation_counter::measure(|| {
        assert!(matches!(Compression::Snappy.decompress(&claim, LIMIT), Err(BatchError::Compression { .. })));
    });
    assert!(used.bytes_max < 1024, "{used:?}");
    // A frame that claims 2^60 bytes.
    let claim = Bytes::from_static(&[0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x10, 1, 0, 0]);
    let used = allocation_counter::measure(|| {
        assert!(Compression::Zstd.decompress(&claim, LIMIT).is_err());
    });
    assert!(used.bytes_max < 64 * 1024, "{used:?}");
}

proptest! {
    #[test]
    fn any_data_comes_back(data: Vec<u8>) {
        for codec in Compression::ALL {
            let back = codec.decompress(&compress(codec, &data), data.len());
            prop_assert_eq!(back.as_deref(), Ok(&data[..]));
        }
    }

    #[test]
    fn any_bytes_are_refused_or_read(data: Vec<u8>) {
        for codec in Compression::ALL {
            drop(codec.decompress(&data.clone().into(), 1 << 16));
        }
    }

    #[test]
    fn damaged_data_is_refused_or_read(
        text in "[a-d]{0,2000}",
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
    ) {
        for codec in COMPRESSING {
            let mut data = compress(codec, text.as_bytes()).to_vec();
            for (place, byte) in &places {
                let place = place.index(data.len());
                data[place] = *byte;
            }
            drop(codec.decompress(&data.into(), 1 << 16));
        }
    }
}
