//! The reply to a request for the closest nodes, read and written by hand.
//!
//! It is by far the most frequent long message: each lookup hears some twenty of them, with twenty
//! contacts each. The general way spends four times as long on it as all the rest of a call. What is
//! written is the same JSON that the general way writes; what does not look exactly like it is left
//! to the general way.

use std::{io::Write as _, net::SocketAddr};

use kadenza_protocol::{Contact, Key};
use kadenza_rpc::PeerId;

use super::peers::peer_id;

const NODES: &[u8] = br#"{"nodes":{"settled":"#;
const LIST: &[u8] = br#","nodes":["#;
const ID: &[u8] = br#"{"id":""#;
const AT: &[u8] = br#"","at":""#;
const END: &[u8] = br#""}"#;

/// Appends a `Reply::Nodes`.
pub(super) fn write(out: &mut Vec<u8>, settled: bool, nodes: &[Contact]) {
    out.reserve(NODES.len() + 8 + nodes.len() * 112);
    out.extend_from_slice(NODES);
    out.extend_from_slice(if settled { b"true" } else { b"false" });
    out.extend_from_slice(LIST);
    for (at, Contact { id, address }) in nodes.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        out.extend_from_slice(ID);
        out.extend_from_slice(&peer_id(id).digits());
        out.extend_from_slice(AT);
        write_address(out, address);
        out.extend_from_slice(END);
    }
    out.extend_from_slice(b"]}}");
}

/// Reads the fields of a `Reply::Nodes`; none if it is anything else, or looks otherwise.
pub(super) fn read(json: &[u8]) -> Option<(bool, Vec<Contact>)> {
    let rest = json.strip_prefix(NODES)?;
    let (settled, rest) = match rest.strip_prefix(b"true") {
        Some(rest) => (true, rest),
        None => (false, rest.strip_prefix(b"false")?),
    };
    let mut rest = rest.strip_prefix(LIST)?;
    let mut nodes = Vec::new();
    while !rest.starts_with(b"]") {
        if !nodes.is_empty() {
            rest = rest.strip_prefix(b",")?;
        }
        let (digits, after) = rest.strip_prefix(ID)?.split_first_chunk::<64>()?;
        let after = after.strip_prefix(AT)?;
        let len = after.iter().position(|byte| *byte == b'"')?;
        let (address, after) = after.split_at(len);
        rest = after.strip_prefix(END)?;
        nodes.push(Contact {
            id: Key::from_bytes(*PeerId::from_digits(digits)?.as_bytes()),
            address: read_address(address)?,
        });
    }
    (rest == b"]}}").then_some((settled, nodes))
}

fn write_address(out: &mut Vec<u8>, address: &SocketAddr) {
    let SocketAddr::V4(address) = address else {
        let _never_fails = write!(out, "{address}");
        return;
    };
    for (at, octet) in address.ip().octets().into_iter().enumerate() {
        if at > 0 {
            out.push(b'.');
        }
        write_number(out, u32::from(octet));
    }
    out.push(b':');
    write_number(out, u32::from(address.port()));
}

fn write_number(out: &mut Vec<u8>, number: u32) {
    if number >= 10 {
        write_number(out, number / 10);
    }
    out.push(b'0' + (number % 10) as u8);
}

fn read_address(text: &[u8]) -> Option<SocketAddr> {
    std::str::from_utf8(text).ok()?.parse().ok()
}
