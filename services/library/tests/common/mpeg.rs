//! MP3 files made in code, with tags as odd programs write them.

/// So many frames of silence: MPEG 1 layer III, 128 kbit/s, 44,100 Hz; each lasts 26.122 ms.
pub(crate) fn frames(count: usize) -> Vec<u8> {
    frame(0x90, 417).repeat(count)
}

/// A frame whose third byte, which tells the bit rate, and length are these.
pub(crate) fn frame(rate: u8, len: usize) -> Vec<u8> {
    let mut frame = vec![0xff, 0xfb, rate, 0];
    frame.resize(len, 0);
    frame
}

/// How a tag and its frames are written.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Id3 {
    pub(crate) version: u8,
    pub(crate) flags: u8,
    pub(crate) frame_flags: u8,
    /// Plain sizes where version 2.4 wants seven bits a byte.
    pub(crate) plain: bool,
}

impl Id3 {
    /// A tag with these frames, whose names have three letters in version 2.2 and four otherwise.
    pub(crate) fn tag(self, frames: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut body = Vec::new();
        for (name, content) in frames {
            let content = match self.frame_flags & 2 != 0 {
                true => unsynchronised(content),
                false => content.clone(),
            };
            body.extend(name.as_bytes());
            let size = (content.len() as u32).to_be_bytes();
            match self.version {
                // Heads of six bytes, without flags.
                2 => body.extend(&size[1..]),
                4 if !self.plain => body.extend(seven_bits(content.len())),
                _ => body.extend(size),
            }
            if self.version > 2 {
                body.extend([0, self.frame_flags]);
            }
            body.extend(content);
        }
        if self.flags & 0x80 != 0 && self.version < 4 {
            body = unsynchronised(&body);
        }
        let mut tag = vec![b'I', b'D', b'3', self.version, 0, self.flags];
        tag.extend(seven_bits(body.len()));
        tag.extend(body);
        tag
    }
}

/// A text of Latin-1 in a frame.
pub(crate) fn latin(text: &str) -> Vec<u8> {
    [&[0], text.as_bytes()].concat()
}

/// A front cover in a frame.
pub(crate) fn picture(data: &[u8]) -> Vec<u8> {
    [b"\0image/jpeg\0\x03\0", data].concat()
}

fn seven_bits(n: usize) -> [u8; 4] {
    [n >> 21, n >> 14, n >> 7, n].map(|part| (part & 0x7f) as u8)
}

fn unsynchronised(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for (n, byte) in bytes.iter().enumerate() {
        out.push(*byte);
        let next = bytes.get(n + 1).copied().unwrap_or(0);
        if *byte == 0xff && (next == 0 || next >= 0xe0) {
            out.push(0);
        }
    }
    out
}
