//! Requests that hyper would refuse without a word. What people and `curl -g` write into a query as it is (`"`, `<`,
//! `>`) is percent-encoded before hyper reads it, and a refusal of hyper's own says what is wrong.

/// The first line of a request, as it arrives in pieces.
#[derive(Debug, Default)]
pub(super) struct RequestLine(Place);

#[derive(Debug, Default, PartialEq)]
enum Place {
    #[default]
    Before,
    Within,
    Past,
}

impl RequestLine {
    /// These bytes with the line's part of them in characters that a target may have; none when they are as they
    /// should be.
    pub(super) fn encoded(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut start = 0;
        if self.0 == Place::Before {
            // Empty lines may come before a request.
            start = bytes.iter().position(|byte| !b"\r\n".contains(byte))?;
            self.0 = if begins_a_line(&bytes[start..]) { Place::Within } else { Place::Past };
        }
        if self.0 == Place::Past {
            return None;
        }
        let end = bytes[start..].iter().position(|byte| *byte == b'\n').map(|length| start + length);
        if end.is_some() {
            self.0 = Place::Past;
        }
        let (line, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
        if !line.iter().any(is_refused) {
            return None;
        }
        let mut encoded = Vec::with_capacity(bytes.len() + 64);
        for byte in line {
            match is_refused(byte) {
                true => encoded.extend(format!("%{byte:02X}").into_bytes()),
                false => encoded.push(*byte),
            }
        }
        encoded.extend(rest);
        Some(encoded)
    }
}

/// A method's word. What a caller has sent ahead of an answer is no line's beginning.
fn begins_a_line(bytes: &[u8]) -> bool {
    let word = bytes.split(|byte| *byte == b' ').next().unwrap_or_default();
    word.iter().all(u8::is_ascii_uppercase)
}

/// Characters that hyper takes in no path or no query, and that mean nothing there.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "iterators over bytes hand it so")]
fn is_refused(byte: &u8) -> bool {
    b"\"<>`".contains(byte)
}

/// hyper's refusal of a head that it could not read, with a body that says why; none of what is no such refusal.
pub(super) fn explained(answer: &[u8]) -> Option<Vec<u8>> {
    const EMPTY: &str = "content-length: 0\r\n";
    /// Its status, the end of the connection, the empty body, and perhaps the date.
    const MOST_LINES: usize = 4;
    let head = str::from_utf8(answer).ok()?.strip_suffix("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.get(2..5)?;
    let detail = match status {
        "400" => {
            "This is no HTTP request that can be read. In an address spaces, control characters and what is no UTF-8 \
             are percent-encoded."
        }
        "414" => "The address of the request is too long.",
        "431" => "The head of the request is too large.",
        _ => return None,
    };
    if head.split("\r\n").count() > MOST_LINES || !head.contains(EMPTY.trim_end()) {
        return None;
    }
    let body = serde_json::json!({ "detail": detail }).to_string();
    let with_body = format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len());
    Some(format!("{head}\r\n\r\n{body}").replacen(EMPTY, &with_body, 1).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(pieces: &[&str]) -> String {
        let mut line = RequestLine::default();
        let pieces = pieces.iter().map(|piece| match line.encoded(piece.as_bytes()) {
            Some(encoded) => String::from_utf8(encoded).unwrap(),
            None => (*piece).to_owned(),
        });
        pieces.collect()
    }

    #[test]
    fn the_first_line_alone_is_encoded() {
        for (pieces, expected) in [
            (
                &["GET /a?b=\"<c>` HTTP/1.1\r\nEtag: \"x\"\r\n\r\n<\""][..],
                "GET /a?b=%22%3Cc%3E%60 HTTP/1.1\r\nEtag: \"x\"\r\n\r\n<\"",
            ),
            (&["\r\n", "GE", "T /\"", "\" HT", "TP/1.1\r\n\"", "\""], "\r\nGET /%22%22 HTTP/1.1\r\n\"\""),
            (&["GET /a HTTP/1.1\r\nEtag: \"x\"\r\n\r\n"], "GET /a HTTP/1.1\r\nEtag: \"x\"\r\n\r\n"),
            (&["tag: \"x\"\r\n\r\n", "GET /\""], "tag: \"x\"\r\n\r\nGET /\""),
            (&[": \"x\" "], ": \"x\" "),
        ] {
            assert_eq!(encoded(pieces), expected);
        }
    }

    #[test]
    fn only_a_refusal_of_hypers_own_is_explained() {
        let refusal = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: x\r\n\r\n";
        let explained_refusal = String::from_utf8(explained(refusal.as_bytes()).unwrap()).unwrap();
        let (head, body) = explained_refusal.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with("\r\ndate: x") && head.contains("connection: close\r\n"), "{head}");
        assert!(head.contains(&format!("\r\ncontent-length: {}\r\n", body.len())), "{head}");
        assert!(body.starts_with("{\"detail\":\"This is no HTTP request"), "{body}");
        for other in [
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 400 Bad Request\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 400 Bad Request\r\na: b\r\nc: d\r\ne: f\r\ncontent-length: 0\r\n\r\n",
            "",
        ] {
            assert_eq!(explained(other.as_bytes()), None, "{other}");
        }
    }
}
