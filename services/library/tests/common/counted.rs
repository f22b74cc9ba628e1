//! Audio files made in code that have to be counted: of codecs, of pipes, in fragments.

use super::made::matroska;

/// A WAV file of this codec: its rate, bytes a second, bytes of a block, what follows in its head, perhaps the
/// number of its samples, and its audio.
pub(crate) fn wav_of(
    kind: u16,
    rate: u32,
    bytes_per_second: u32,
    block: u16,
    more: &[u8],
    fact: Option<u32>,
    audio: &[u8],
) -> Vec<u8> {
    let chunk = |name: &[u8; 4], content: &[u8]| {
        let mut chunk = name.to_vec();
        chunk.extend((content.len() as u32).to_le_bytes());
        chunk.extend(content);
        chunk.resize(chunk.len().next_multiple_of(2), 0);
        chunk
    };
    let mut format = [kind.to_le_bytes(), 1u16.to_le_bytes()].concat();
    format.extend(rate.to_le_bytes());
    format.extend(bytes_per_second.to_le_bytes());
    format.extend(block.to_le_bytes());
    let bits: u16 = if kind == 0x55 { 0 } else { 4 };
    format.extend(bits.to_le_bytes());
    format.extend((more.len() as u16).to_le_bytes());
    format.extend(more);
    let fact = fact.map(|samples| chunk(b"fact", &samples.to_le_bytes()));
    let content = [
        b"WAVE".to_vec(),
        chunk(b"fmt ", &format),
        fact.unwrap_or_default(),
        chunk(b"data", audio),
    ];
    chunk(b"RIFF", &content.concat())
}

/// WavPack in so many blocks of 22,050 samples, each in parts of two channels: 44,100 Hz, 16 bit.
pub(crate) fn wavpack_of(stated: u32, blocks: u32, parts: u32) -> Vec<u8> {
    let mut file = Vec::new();
    for (number, part) in (0..blocks).flat_map(|number| (0..parts).map(move |part| (number, part)))
    {
        file.extend(b"wvpk");
        file.extend((24u32 + 500).to_le_bytes());
        file.extend(0x410u16.to_le_bytes());
        file.extend([0; 2]);
        let ends = u32::from(part == 0) << 11 | u32::from(part + 1 == parts) << 12;
        for number in [stated, number * 22_050, 22_050, 1 | 9 << 23 | ends, 0] {
            file.extend(number.to_le_bytes());
        }
        file.extend([0; 500]);
    }
    file
}

/// Where the segment of a Matroska file ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClusterAt {
    /// Where the file does.
    End,
    /// Nobody knows, as in a stream.
    Unknown,
}

/// Matroska of AC-3 that states `ms`, in so many clusters of one second with ten blocks each.
pub(crate) fn matroska_of(at: ClusterAt, ms: u32, clusters: u16) -> Vec<u8> {
    let element = |id: &[u8], content: &[u8]| {
        let len = (content.len() as u32 | 0x1000_0000).to_be_bytes();
        [id, &len, content].concat()
    };
    let mut file = matroska("matroska", "A_AC3", f64::from(ms), "Title", &[]);
    let segment = file
        .windows(4)
        .position(|id| id == b"\x18\x53\x80\x67")
        .unwrap();
    let cluster = file
        .windows(4)
        .position(|id| id == b"\x1f\x43\xb6\x75")
        .unwrap();
    file.truncate(cluster);
    for number in 0..clusters {
        let blocks = (0..10u16).map(|n| {
            let time = (n * 100).to_be_bytes();
            element(b"\xa3", &[&[0x81][..], &time, &[0x80], &[0; 800]].concat())
        });
        let time = element(b"\xe7", &(u32::from(number) * 1000).to_be_bytes());
        let blocks: Vec<_> = [time].into_iter().chain(blocks).collect();
        file.extend(element(b"\x1f\x43\xb6\x75", &blocks.concat()));
    }
    let size = match at {
        ClusterAt::End => (file.len() - segment - 8) as u32 | 0x1000_0000,
        ClusterAt::Unknown => 0x1fff_ffff,
    };
    file[segment + 4..segment + 8].copy_from_slice(&size.to_be_bytes());
    file
}

/// Apple Lossless in so many fragments of ten packets of 4,096 samples, 44,100 Hz, stereo.
pub(crate) fn alac_in_fragments(fragments: u32) -> Vec<u8> {
    let atom = |name: &[u8; 4], content: &[u8]| {
        [
            &(content.len() as u32 + 8).to_be_bytes(),
            &name[..],
            content,
        ]
        .concat()
    };
    let numbers = |numbers: &[u32]| -> Vec<u8> {
        numbers
            .iter()
            .flat_map(|number| number.to_be_bytes())
            .collect()
    };
    let mut cookie = numbers(&[0, 4096]);
    cookie.extend([0, 16, 40, 10, 14, 2, 0, 255]);
    cookie.extend(numbers(&[0, 0, 44_100]));
    let mut sample = numbers(&[0, 1, 0, 0, 2 << 16 | 16, 0, 44_100 << 16]);
    sample.extend(atom(b"alac", &cookie));
    let stsd = [numbers(&[0, 1]), atom(b"alac", &sample)].concat();
    let stbl = [
        atom(b"stsd", &stsd),
        atom(b"stts", &numbers(&[0, 0])),
        atom(b"stsc", &numbers(&[0, 0])),
        atom(b"stsz", &numbers(&[0, 0, 0])),
        atom(b"stco", &numbers(&[0, 0])),
    ];
    let handler = [numbers(&[0, 0]), b"soun".to_vec(), vec![0; 13]].concat();
    let reference = [numbers(&[0, 1]), atom(b"url ", &numbers(&[1]))].concat();
    let minf = [
        atom(b"smhd", &numbers(&[0, 0])),
        atom(b"dinf", &atom(b"dref", &reference)),
        atom(b"stbl", &stbl.concat()),
    ];
    let mdia = [
        atom(b"mdhd", &numbers(&[0, 0, 0, 44_100, 0, 0x55c4_0000])),
        atom(b"hdlr", &handler),
        atom(b"minf", &minf.concat()),
    ];
    let mut track = numbers(&[7, 0, 0, 1, 0, 0]);
    track.resize(84, 0);
    let trak = [atom(b"tkhd", &track), atom(b"mdia", &mdia.concat())];
    let mut movie = numbers(&[0, 0, 0, 1000, 0]);
    movie.resize(100, 0);
    let moov = [
        atom(b"mvhd", &movie),
        atom(b"trak", &trak.concat()),
        atom(b"mvex", &atom(b"trex", &numbers(&[0, 1, 1, 4096, 0, 0]))),
    ];
    let mut file = [
        atom(b"ftyp", b"M4A \0\0\0\0M4A iso5"),
        atom(b"moov", &moov.concat()),
    ]
    .concat();
    for fragment in 0..fragments {
        let sizes = [100; 10];
        // Data offset and sizes are there; the offset is that of the audio behind this fragment.
        let run = |offset| [numbers(&[0x201, 10, offset]), numbers(&sizes)].concat();
        let moof = |offset| {
            let traf = [
                atom(b"tfhd", &numbers(&[0x02_0000, 1])),
                atom(b"tfdt", &numbers(&[0, fragment * 10 * 4096])),
                atom(b"trun", &run(offset)),
            ];
            let head = atom(b"mfhd", &numbers(&[0, fragment + 1]));
            atom(b"moof", &[head, atom(b"traf", &traf.concat())].concat())
        };
        let size = moof(0).len() as u32;
        file.extend(moof(size + 8));
        file.extend(atom(b"mdat", &[0x20; 1000]));
    }
    file
}
