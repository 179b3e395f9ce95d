//! "mTLS (client certificate configured)": CAPS, where it speaks only to holders of a certificate.

use testkit::caps::CapsSandbox;
use testkit::certificates::Authority;

use crate::support::{Answer, Bank, hash};

#[tokio::test]
async fn caps_is_asked_with_our_certificate_and_believed_only_with_its_own() {
    let authority = Authority::new().unwrap();
    let caps = CapsSandbox::start_over_tls(&authority).await.unwrap();
    caps.put(&hash(1), true, false).await.unwrap();
    let own = authority.issue("bank", "bank.example").unwrap();
    let [certificate, key, ca] =
        [own.certificate, own.key, authority.ca()].map(|path| path.display().to_string());
    let url = caps.base_url();

    let own = [("CAPS__TLS__CERTIFICATE", certificate.as_str()), ("CAPS__TLS__KEY", key.as_str())];
    let bank = Bank::open(&[own.as_slice(), &[("CAPS__URL", url), ("CAPS__TLS__CA", &ca)]].concat()).await;
    assert_eq!(Answer::to(bank.search(&[hash(1)])).await.found(), [hash(1)]);
    assert_eq!(caps.journal().await.unwrap().len(), 1);

    let without = Bank::open(&[("CAPS__URL", url), ("CAPS__TLS__CA", &ca)]).await;
    Answer::to(without.search(&[hash(1)])).await.error(500, "TEC0000");
    let distrustful = Bank::open(&[own.as_slice(), &[("CAPS__URL", url)]].concat()).await;
    Answer::to(distrustful.search(&[hash(1)])).await.error(500, "TEC0000");
    assert_eq!(caps.journal().await.unwrap().len(), 1);
}
