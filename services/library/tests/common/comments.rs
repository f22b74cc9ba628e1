//! FLAC and MPEG-4 with any comments and atoms, made in code.

use bytes::Bytes;

/// A FLAC file with these comments and so many frames.
pub(crate) fn flac(comments: &[(&str, &str)], frames: u8) -> Bytes {
    let mut block = 0u32.to_le_bytes().to_vec();
    block.extend((comments.len() as u32).to_le_bytes());
    for (name, value) in comments {
        let comment = format!("{name}={value}");
        block.extend((comment.len() as u32).to_le_bytes());
        block.extend(comment.as_bytes());
    }
    let whole = super::made::flac(4096 * u64::from(frames), frames);
    // Its own comments lie between its properties and its frames.
    let (head, behind) = whole.split_at(42);
    let own = 4 + usize::from(behind[3]);
    let mut file = head.to_vec();
    file.push(0x84);
    file.extend(&(block.len() as u32).to_be_bytes()[1..]);
    file.extend(block);
    file.extend(&behind[own..]);
    file.into()
}

fn atom(name: &[u8], content: &[u8]) -> Vec<u8> {
    let mut atom = (content.len() as u32 + 8).to_be_bytes().to_vec();
    atom.extend(name);
    atom.extend(content);
    atom
}

/// The value of an atom of tags: `kind` 1 is UTF-8, 21 a whole number.
pub(crate) fn data(kind: u8, value: &[u8]) -> Vec<u8> {
    let mut content = vec![0, 0, 0, kind, 0, 0, 0, 0];
    content.extend(value);
    atom(b"data", &content)
}

/// An MPEG-4 file of AAC with these atoms of tags.
pub(crate) fn m4a(tags: &[(&[u8; 4], Vec<u8>)]) -> Bytes {
    let join = |atoms: &[Vec<u8>]| atoms.concat();
    let tags: Vec<Vec<u8>> = tags.iter().map(|(name, data)| atom(*name, data)).collect();
    let mut handler = vec![0; 8];
    handler.extend(b"mdirappl");
    handler.extend([0; 9]);
    let meta = join(&[
        vec![0; 4],
        atom(b"hdlr", &handler),
        atom(b"ilst", &join(&tags)),
    ]);
    let header = |scale: u32, lasts: u32, more: usize| {
        let mut content = vec![0; 12];
        content.extend(scale.to_be_bytes());
        content.extend(lasts.to_be_bytes());
        content.resize(content.len() + more, 0);
        content
    };
    // Object type 0x40 is AAC; two channels at 44,100 Hz.
    let esds = [
        &[0, 0, 0, 0, 3, 25, 0, 1, 0, 4, 17, 0x40, 0x15, 0, 0, 0][..],
        &128_000u32.to_be_bytes(),
        &128_000u32.to_be_bytes(),
        &[5, 2, 0x12, 0x10, 6, 1, 2],
    ]
    .concat();
    let mut sample = vec![
        0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 16, 0, 0, 0, 0,
    ];
    sample.extend((44_100u32 << 16).to_be_bytes());
    sample.extend(atom(b"esds", &esds));
    let stsd = join(&[vec![0, 0, 0, 0, 0, 0, 0, 1], atom(b"mp4a", &sample)]);
    let numbers = |numbers: &[u32]| -> Vec<u8> {
        numbers
            .iter()
            .flat_map(|number| number.to_be_bytes())
            .collect()
    };
    let stbl = join(&[
        atom(b"stsd", &stsd),
        atom(b"stts", &numbers(&[0, 1, 100, 1024])),
        atom(b"stsc", &numbers(&[0, 1, 1, 100, 1])),
        atom(b"stsz", &numbers(&[0, 10, 100])),
        atom(b"stco", &numbers(&[0, 1, 64])),
    ]);
    let mut hdlr = vec![0; 8];
    hdlr.extend(b"soun");
    hdlr.extend([0; 13]);
    let mdia = join(&[
        atom(b"mdhd", &header(44_100, 102_400, 4)),
        atom(b"hdlr", &hdlr),
        atom(b"minf", &atom(b"stbl", &stbl)),
    ]);
    let trak = join(&[atom(b"tkhd", &header(1, 2322, 60)), atom(b"mdia", &mdia)]);
    let moov = join(&[
        atom(b"mvhd", &header(1000, 2322, 80)),
        atom(b"trak", &trak),
        atom(b"udta", &atom(b"meta", &meta)),
    ]);
    join(&[
        atom(b"ftyp", b"M4A \0\0\0\0M4A mp42"),
        atom(b"moov", &moov),
        atom(b"mdat", &[0; 1000]),
    ])
    .into()
}
