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
    page.push((whole as u8).wrapping_add(1));
    page.extend(vec![255; whole]);
    page.push((packet.len() % 255) as u8);
    page.extend(packet);
    page
}

/// A packet of any size, over as many pages as it needs.
fn large(serial: u32, packet: &[u8]) -> Vec<u8> {
    const CONTENT: usize = 255 * 255;
    let mut pages = Vec::new();
    for (n, part) in packet.chunks(CONTENT).enumerate() {
        let is_last = part.len() < CONTENT;
        let mut page = page(serial, u8::from(n > 0), u64::MAX, part);
        if !is_last {
            // The packet goes on: there is no shorter segment at its end.
            page[26] = 255;
            page.remove(27 + 255);
        }
        pages.extend(page);
    }
    pages
}

/// A stream of Opus with so many seconds.
pub(crate) fn opus(serial: u32, seconds: u64) -> Vec<u8> {
    opus_with(serial, seconds, &["TITLE=O"])
}

/// The same, where a page at the beginning of the audio tells this position.
pub(crate) fn opus_from(position: i64, seconds: u64) -> Vec<u8> {
    let comments = opus(1, 0).len();
    let whole = opus(1, seconds);
    let first = page(1, 0, position.cast_unsigned(), &[9; 600]);
    [&whole[..comments], &first, &whole[comments..]].concat()
}

/// The same with these comments.
pub(crate) fn opus_with(serial: u32, seconds: u64, texts: &[&str]) -> Vec<u8> {
    let head = b"OpusHead\x01\x02\x38\x01\x80\xbb\0\0\0\0\0";
    let mut tags = b"OpusTags\0\0\0\0".to_vec();
    tags.extend((texts.len() as u32).to_le_bytes());
    for text in texts {
        tags.extend((text.len() as u32).to_le_bytes());
        tags.extend(text.as_bytes());
    }
    let mut file = page(serial, 2, 0, head);
    file.extend(large(serial, &tags));
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

/// FLAC in Ogg with these comments, and so many frames of 4,096 samples.
pub(crate) fn ogg_flac(frames: u8, texts: &[&str]) -> Vec<u8> {
    let native = flac_with(0, 0, texts);
    let (info, comments) = native[4..].split_at(4 + 34);
    let head = [b"\x7fFLAC\x01\0\0\x01fLaC", info].concat();
    let mut file = [page(7, 2, 0, &head), page(7, 0, 0, comments)].concat();
    for number in 0..frames {
        let samples = (u64::from(number) + 1) * 4096;
        file.extend(page(7, 0, samples, &flac_frame(number)));
    }
    file
}

/// Speex in Ogg, of so many seconds at 16,000 samples a second.
pub(crate) fn speex(seconds: u64, text: &str) -> Vec<u8> {
    let mut head = b"Speex   1.2".to_vec();
    head.resize(28, 0);
    for number in [1u32, 80, 16_000, 1, 4, 1, 28_000, 320, 0, 1, 0, 0, 0] {
        head.extend(number.to_le_bytes());
    }
    let mut comments = vec![0; 4];
    comments.extend(1u32.to_le_bytes());
    comments.extend((text.len() as u32).to_le_bytes());
    comments.extend(text.as_bytes());
    let mut file = [page(3, 2, 0, &head), page(3, 0, 0, &comments)].concat();
    for second in 1..=seconds {
        file.extend(page(3, 0, second * 16_000, &[5; 300]));
    }
    file
}

/// WavPack of so many samples, 44,100 Hz, 16 bit, stereo, with these texts in an APEv2 tag.
pub(crate) fn wavpack<T: AsRef<[u8]>>(samples: u32, texts: &[(&str, T)]) -> Vec<u8> {
    let mut file = b"wvpk".to_vec();
    file.extend(24u32.to_le_bytes());
    file.extend(0x410u16.to_le_bytes());
    file.extend([0; 2]);
    // All samples, the first of this block, and how many it has.
    for number in [samples, 0, samples, 1 | 9 << 23 | 3 << 11, 0] {
        file.extend(number.to_le_bytes());
    }
    file.extend(ape(texts));
    file
}

/// An APEv2 tag with these texts, and pictures under the names that they have there.
pub(crate) fn ape<T: AsRef<[u8]>>(texts: &[(&str, T)]) -> Vec<u8> {
    let mut item = Vec::new();
    for (name, text) in texts {
        let text = text.as_ref();
        let is_binary = name.starts_with("Cover Art");
        item.extend((text.len() as u32).to_le_bytes());
        item.extend(u32::from(is_binary).rotate_left(1).to_le_bytes());
        item.extend(name.as_bytes());
        item.push(0);
        item.extend(text);
    }
    let head = |flags: u32| {
        let mut head = b"APETAGEX\xd0\x07\0\0".to_vec();
        head.extend((item.len() as u32 + 32).to_le_bytes());
        head.extend((texts.len() as u32).to_le_bytes());
        head.extend(flags.to_le_bytes());
        head.extend([0; 8]);
        head
    };
    [head(0xa000_0000), item.clone(), head(0x8000_0000)].concat()
}

/// Matroska, or WebM, with one track of this codec, which lasts `ms`, a title, and texts as tags.
pub(crate) fn matroska(
    kind: &str,
    codec: &str,
    ms: f64,
    title: &str,
    texts: &[(&str, &str)],
) -> Vec<u8> {
    let element = |id: &[u8], content: &[u8]| {
        let len = (content.len() as u32 | 0x1000_0000).to_be_bytes();
        [id, &len, content].concat()
    };
    let tag = |name: &str, text: &str| {
        let name = element(b"\x45\xa3", name.as_bytes());
        let text = element(b"\x44\x87", text.as_bytes());
        element(b"\x67\xc8", &[name, text].concat())
    };
    let head = element(b"\x1a\x45\xdf\xa3", &element(b"\x42\x82", kind.as_bytes()));
    let info = [
        element(b"\x2a\xd7\xb1", &1_000_000u32.to_be_bytes()),
        element(b"\x44\x89", &ms.to_be_bytes()),
        element(b"\x7b\xa9", title.as_bytes()),
        element(b"\x4d\x80", b"made"),
        element(b"\x57\x41", b"made"),
    ]
    .concat();
    let sound = [
        element(b"\xb5", &8000f64.to_be_bytes()),
        element(b"\x9f", &[1]),
    ]
    .concat();
    let track = [
        element(b"\xd7", &[1]),
        element(b"\x73\xc5", &[1]),
        element(b"\x83", &[if codec.starts_with('V') { 1 } else { 2 }]),
        element(b"\x86", codec.as_bytes()),
        match codec.starts_with('V') {
            true => element(
                b"\xe0",
                &[element(b"\xb0", &[16]), element(b"\xba", &[16])].concat(),
            ),
            false => element(b"\xe1", &sound),
        },
    ]
    .concat();
    let tags: Vec<_> = texts.iter().map(|(name, text)| tag(name, text)).collect();
    let tags = element(b"\x73\x73", &tags.concat());
    let block = element(b"\xa3", &[&[0x81, 0, 0, 0x80], &[0; 160][..]].concat());
    // An index, as the usual programs put it before all else: where the properties stand.
    let index = [
        element(b"\x53\xab", b"\x15\x49\xa9\x66"),
        element(b"\x53\xac", &[36]),
    ]
    .concat();
    let segment = [
        element(b"\x11\x4d\x9b\x74", &element(b"\x4d\xbb", &index)),
        element(b"\x15\x49\xa9\x66", &info),
        element(b"\x16\x54\xae\x6b", &element(b"\xae", &track)),
        element(b"\x12\x54\xc3\x67", &tags),
        element(
            b"\x1f\x43\xb6\x75",
            &[element(b"\xe7", &[0]), block].concat(),
        ),
    ]
    .concat();
    [head, element(b"\x18\x53\x80\x67", &segment)].concat()
}

/// A second of WAV with these texts in a list of RIFF.
pub(crate) fn wav_info<T: AsRef<[u8]>>(texts: &[(&str, T)]) -> Vec<u8> {
    let mut info = b"INFO".to_vec();
    for (name, text) in texts {
        info.extend(name.as_bytes());
        let text = text.as_ref();
        info.extend((text.len() as u32).to_le_bytes());
        info.extend(text);
        info.resize(info.len().next_multiple_of(2), 0);
    }
    let mut file = wav(b"RIFF", 0, 16_000, 16_000);
    file.extend(b"LIST");
    file.extend((info.len() as u32).to_le_bytes());
    file.extend(info);
    let size = file.len() as u32 - 8;
    file[4..8].copy_from_slice(&size.to_le_bytes());
    file
}

/// Musepack of stream version 8: 44,100 Hz, so many samples, with these texts.
pub(crate) fn musepack<T: AsRef<[u8]>>(samples: u32, texts: &[(&str, T)]) -> Vec<u8> {
    let packet = |key: &[u8; 2], content: &[u8]| {
        let size = content.len() as u8 + 3;
        [key, &[size][..], content].concat()
    };
    // A number of seven bits a byte, the most significant first.
    let number = [21, 14, 7, 0].map(|shift| {
        let more = if shift == 0 { 0 } else { 0x80 };
        (samples >> shift) as u8 & 0x7f | more
    });
    let head = [&[0, 0, 0, 0, 8][..], &number, &[0, 0x1d, 0x1b]].concat();
    let packets = [
        packet(b"SH", &head),
        packet(b"RG", &[1, 0, 0, 0, 0, 0, 0, 0, 0]),
        packet(b"EI", &[0xa0, 1, 30, 1]),
        packet(b"AP", &[9; 100]),
        packet(b"SE", &[]),
    ];
    [b"MPCK".to_vec(), packets.concat(), ape(texts)].concat()
}

/// Musepack of stream version 7: 44,100 Hz, frames of 1,152 samples, with these texts.
pub(crate) fn musepack_7(frames: u32, texts: &[(&str, &str)]) -> Vec<u8> {
    let mut file = b"MP+\x07".to_vec();
    file.extend(frames.to_le_bytes());
    file.extend([0; 16]);
    file.extend([106, 0, 0, 0]);
    file.extend([9; 200]);
    file.extend(ape(texts));
    file
}

/// Monkey's Audio: 44,100 Hz, 16 bits, two channels, so many samples, with these texts.
pub(crate) fn monkeys_audio<T: AsRef<[u8]>>(samples: u32, texts: &[(&str, T)]) -> Vec<u8> {
    const BLOCKS: u32 = 73_728;
    let mut file = b"MAC ".to_vec();
    file.extend(3990u16.to_le_bytes());
    file.extend([0; 2]);
    // The size of this description, and of the head behind it.
    file.extend(52u32.to_le_bytes());
    file.extend(24u32.to_le_bytes());
    file.extend([0; 36]);
    file.extend([0xd0, 7, 0, 0]);
    for number in [BLOCKS, samples % BLOCKS, samples / BLOCKS + 1] {
        file.extend(number.to_le_bytes());
    }
    file.extend([16, 0, 2, 0]);
    file.extend(44_100u32.to_le_bytes());
    file.extend([9; 400]);
    file.extend(ape(texts));
    file
}
