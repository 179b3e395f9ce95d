//! One JSON text, and one hash, of what is the same.

use aws_lc_rs::digest::{SHA256, digest};
use serde::Serialize;

/// JSON without blanks, the keys of every object in order. It outlives a store that keeps neither blanks nor the
/// order of keys.
///
/// # Errors
/// A map whose keys are no strings.
pub fn json(value: &impl Serialize) -> serde_json::Result<String> {
    let mut value = serde_json::to_value(value)?;
    value.sort_all_objects();
    Ok(value.to_string())
}

/// The SHA-256 of a text, in lower-case hexadecimal.
pub fn sha256(text: &str) -> String {
    digest(&SHA256, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    #[test]
    fn the_order_of_keys_makes_no_difference_at_any_depth() {
        let one = json!({ "b": [{ "d": "1.10", "c": 2 }], "a": null });
        let other = json!({ "a": null, "b": [{ "c": 2, "d": "1.10" }] });
        assert_eq!(super::json(&one).unwrap(), super::json(&other).unwrap());
        assert_eq!(super::json(&one).unwrap(), r#"{"a":null,"b":[{"c":2,"d":"1.10"}]}"#);
    }

    #[test]
    fn the_hash_is_sha_256_in_hexadecimal() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(super::sha256(""), empty);
    }
}
