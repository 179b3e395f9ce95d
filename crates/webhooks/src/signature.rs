//! Secrets and signatures (Standard Webhooks, symmetric signatures `v1`).

use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::SecretString;

/// 32 random bytes.
pub(crate) fn generate() -> Result<[u8; 32], Unspecified> {
    let mut secret = [0; 32];
    aws_lc_rs::rand::fill(&mut secret)?;
    Ok(secret)
}

/// A secret as it is shown to its owner.
pub(crate) fn shown(secret: &[u8]) -> SecretString {
    format!("whsec_{}", STANDARD.encode(secret)).into()
}

/// The header `webhook-signature`.
pub(crate) fn sign(secret: &[u8], id: &str, timestamp: i64, body: &str) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
    context.update(format!("{id}.{timestamp}.").as_bytes());
    context.update(body.as_bytes());
    format!("v1,{}", STANDARD.encode(context.sign()))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    /// The example that Standard Webhooks' own libraries test themselves with.
    #[test]
    fn signs_the_known_example() {
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature =
            sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_is_shown_with_its_prefix() {
        let secret = generate().unwrap();
        let shown = shown(&secret);
        let encoded = shown.expose_secret().strip_prefix("whsec_").unwrap();
        assert_eq!(STANDARD.decode(encoded).unwrap(), secret);
    }
}
