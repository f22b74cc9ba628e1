//! Columns of numbers in a file, in little-endian order.
use std::io::{self, Write};

/// How many numbers are turned into bytes at once.
const AT_ONCE: usize = 8192;

/// Where columns are written to.
pub(crate) struct Flat<'a> {
    out: &'a mut dyn Write,
}

impl<'a> Flat<'a> {
    pub(crate) fn new(out: &'a mut dyn Write) -> Flat<'a> {
        Flat { out }
    }

    pub(crate) fn bytes(&mut self, column: &[u8]) -> io::Result<()> {
        self.out.write_all(&(column.len() as u64).to_le_bytes())?;
        self.out.write_all(column)
    }

    pub(crate) fn u32s(&mut self, column: &[u32]) -> io::Result<()> {
        self.out.write_all(&(column.len() as u64).to_le_bytes())?;
        for some in column.chunks(AT_ONCE) {
            let bytes: Vec<[u8; 4]> = some.iter().map(|n| n.to_le_bytes()).collect();
            self.out.write_all(bytes.as_flattened())?;
        }
        Ok(())
    }

    pub(crate) fn u64s(&mut self, column: &[u64]) -> io::Result<()> {
        self.out.write_all(&(column.len() as u64).to_le_bytes())?;
        for some in column.chunks(AT_ONCE) {
            let bytes: Vec<[u8; 8]> = some.iter().map(|n| n.to_le_bytes()).collect();
            self.out.write_all(bytes.as_flattened())?;
        }
        Ok(())
    }
}

/// Where columns are read from. `None` where they end too early.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(rest: &'a [u8]) -> Reader<'a> {
        Reader { rest }
    }

    pub(crate) fn bytes(&mut self) -> Option<Vec<u8>> {
        self.column(1).map(<[u8]>::to_vec)
    }

    pub(crate) fn u32s(&mut self) -> Option<Vec<u32>> {
        let (numbers, _) = self.column(4)?.as_chunks::<4>();
        Some(numbers.iter().map(|n| u32::from_le_bytes(*n)).collect())
    }

    pub(crate) fn u64s(&mut self) -> Option<Vec<u64>> {
        let (numbers, _) = self.column(8)?.as_chunks::<8>();
        Some(numbers.iter().map(|n| u64::from_le_bytes(*n)).collect())
    }

    pub(crate) fn hashes(&mut self) -> Option<Vec<[u8; 32]>> {
        Some(self.column(1)?.as_chunks::<32>().0.to_vec())
    }

    fn column(&mut self, width: usize) -> Option<&'a [u8]> {
        let (len, rest) = self.rest.split_first_chunk::<8>()?;
        let bytes = usize::try_from(u64::from_le_bytes(*len))
            .ok()?
            .checked_mul(width)?;
        let (column, rest) = rest.split_at_checked(bytes)?;
        self.rest = rest;
        Some(column)
    }
}
