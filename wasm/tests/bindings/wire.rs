//! Arguments as TypeScript writes them.

/// One thing after the other.
#[derive(Default, Clone)]
pub struct Args(pub Vec<u8>);

/// Arguments that begin with a name.
pub fn named(name: &str) -> Args {
    Args::default().text(name)
}

/// The text of an id that is sixteen times the same byte.
pub fn id(byte: u8) -> String {
    let hex = format!("{byte:02x}").repeat(16);
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

impl Args {
    pub fn number(mut self, mut number: u64) -> Self {
        while number > 0x7f {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
        self
    }

    pub fn bytes(self, bytes: &[u8]) -> Self {
        self.number(bytes.len() as u64).raw(bytes)
    }

    pub fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    /// A value that is an integer.
    pub fn integer(self, value: i64) -> Self {
        self.number(2).number(((value << 1) ^ (value >> 63)) as u64)
    }

    /// A value that is a text.
    pub fn words(self, value: &str) -> Self {
        self.number(4).text(value)
    }

    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }
}

impl std::ops::Deref for Args {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
