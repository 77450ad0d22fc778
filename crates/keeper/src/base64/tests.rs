//! Tests of Base64.

use proptest::collection::vec;
use proptest::prelude::*;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::*;

#[test]
fn either_alphabet_padded_or_not() {
    for text in ["-_8", "+/8=", " -_8=\n"] {
        assert_eq!(decode(text), Some(vec![0xfb, 0xff]), "{text}");
    }
    for text in ["a", "ab c", "a!", "abcde"] {
        assert_eq!(decode(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn pem_is_read_back(bytes in vec(any::<u8>(), 1..300)) {
        let text = pem("CERTIFICATE", &bytes);
        let read = CertificateDer::from_pem_slice(text.as_bytes()).unwrap();
        prop_assert_eq!(read.as_ref(), bytes.as_slice());
        let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        prop_assert_eq!(decode(&body), Some(bytes));
    }

    #[test]
    fn any_text_is_decoded_or_refused(text in any::<String>()) {
        let _ = decode(&text);
    }
}
