//! Audio files made in code whose heads do not say how long they last, or say what is not so.

/// A frame of FLAC: 4,096 silent samples of 16 bit, stereo, 44,100 Hz.
fn flac_frame(number: u8) -> Vec<u8> {
    let mut frame = vec![0xff, 0xf8, 0xc9, 0x18, number];
    frame.push(crc(&frame, 8, 0x07) as u8);
    // Two channels, each of one value.
    frame.extend([0, 0, 0, 0, 0, 0]);
    let sum = crc(&frame, 16, 0x8005) as u16;
    frame.extend(sum.to_be_bytes());
    frame
}

fn crc(bytes: &[u8], bits: u32, polynomial: u32) -> u32 {
    let top = 1 << (bits - 1);
    bytes.iter().fold(0, |sum, byte| {
        let sum = sum ^ u32::from(*byte) << (bits - 8);
        let step = |sum: u32, _| {
            if sum & top == 0 {
                sum << 1
            } else {
                sum << 1 ^ polynomial
            }
        };
        (0..8).fold(sum, step) & ((top << 1) - 1)
    })
}

/// A FLAC file that states so many samples, and has so many frames of 4,096.
pub(crate) fn flac(stated: u64, frames: u8) -> Vec<u8> {
    flac_with(stated, frames, &["TITLE=F"])
}

/// The same with these comments.
pub(crate) fn flac_with(stated: u64, frames: u8, texts: &[&str]) -> Vec<u8> {
    let mut file = b"fLaC\0\0\0\x22\x10\0\x10\0\0\0\0\0\0\0".to_vec();
    file.extend((44_100u64 << 44 | 1 << 41 | 15 << 36 | stated).to_be_bytes());
    file.extend([0; 16]);
    let mut comments = vec![0; 4];
    comments.extend((texts.len() as u32).to_le_bytes());
    for text in texts {
        comments.extend((text.len() as u32).to_le_bytes());
        comments.extend(text.as_bytes());
    }
    file.extend((0x8400_0000 | comments.len() as u32).to_be_bytes());
    file.extend(comments);
    file.extend((0..frames).flat_map(flac_frame));
    file
}

/// A page of Ogg: its flags, its place in the stream, and one packet.
fn page(serial: u32, flags: u8, samples: u64, packet: &[u8]) -> Vec<u8> {
    let mut page = b"OggS\0".to_vec();
    page.push(flags);
    page.extend(samples.to_le_bytes());
    page.extend(serial.to_le_bytes());
    page.extend([0; 4]);
    page.extend([0; 4]);
    let whole = packet.len() / 255;
    page.push(whole as u8 + 1);
    page.extend(vec![255; whole]);
    page.push((packet.len() % 255) as u8);
    page.extend(packet);
    page
}

/// A stream of Opus with so many seconds.
pub(crate) fn opus(serial: u32, seconds: u64) -> Vec<u8> {
    let head = b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0";
    let tags = b"OpusTags\0\0\0\0\x01\0\0\0\x07\0\0\0TITLE=O";
    let mut file = page(serial, 2, 0, head);
    file.extend(page(serial, 0, 0, tags));
    for second in 1..=seconds {
        let flags = if second == seconds { 4 } else { 0 };
        // 312 samples at the beginning are not heard.
        file.extend(page(serial, flags, second * 48_000 + 312, &[9; 600]));
    }
    file
}

/// A frame of AAC in ADTS: 44,100 Hz, 1,024 samples.
pub(crate) fn adts(len: u16) -> Vec<u8> {
    let [high, low] = (len << 5 | 0x1f).to_be_bytes();
    let mut frame = vec![0xff, 0xf1, 0x50, 0x80 | (len >> 11) as u8, high, low, 0xfc];
    // The length has 13 bits, of which the upper two stand in the byte before.
    frame[4] = (len >> 3) as u8;
    frame.resize(len.into(), 0);
    frame
}

/// A WAV file of 8,000 samples a second, 16 bit, mono, with its sign, and what it states of its sizes.
pub(crate) fn wav(sign: &[u8; 4], whole: u32, audio: u32, bytes: usize) -> Vec<u8> {
    let mut file = sign.to_vec();
    file.extend(whole.to_le_bytes());
    file.extend(b"WAVE");
    if sign != b"RIFF" {
        file.extend(b"ds64\x1c\0\0\0");
        for size in [0u64, bytes as u64, 0] {
            file.extend(size.to_le_bytes());
        }
        file.extend([0; 4]);
    }
    file.extend(b"fmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0LIST\x0e\0\0\0INFOINAM\x02\0\0\0W\0data");
    file.extend(audio.to_le_bytes());
    file.extend((0..bytes).map(|n| n as u8));
    file
}
