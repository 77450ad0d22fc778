//! Host names as asked to the form in certificates: lower case, A-labels (RFC 5891), no final dot.
//!
//! Only lower-casing and punycode (RFC 3492): no normalisation or mapping of RFC 5892 (a browser
//! does that before it asks). Names that cannot be one are None.

use alloc::string::String;
use alloc::vec::Vec;

/// The host name in A-label form; None when it is none (RFC 1123 §2.1, `_` tolerated).
pub(super) fn ascii(asked: &str) -> Option<String> {
    let asked = asked.strip_suffix('.').unwrap_or(asked);
    let mut out = String::new();
    for (index, label) in asked.split('.').enumerate() {
        if index > 0 {
            out.push('.');
        }
        let label = label.to_lowercase();
        let label = if label.is_ascii() {
            label
        } else {
            let mut encoded = String::from("xn--");
            encoded.push_str(&punycode(&label)?);
            encoded
        };
        if !plain_label(&label) {
            return None;
        }
        out.push_str(&label);
    }
    (out.len() <= 253).then_some(out)
}

/// 1 to 63 letters, digits, hyphens (not at the ends) or underscores.
pub(super) fn plain_label(label: &str) -> bool {
    let octets = label.as_bytes();
    (1..=63).contains(&octets.len())
        && octets.iter().all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(octet))
        && octets.first() != Some(&b'-')
        && octets.last() != Some(&b'-')
}

/// RFC 3492 §6.3.
fn punycode(label: &str) -> Option<String> {
    let letters: Vec<u32> = label.chars().map(u32::from).collect();
    if letters.len() > 63 {
        return None;
    }
    let mut out: String = label.chars().filter(char::is_ascii).collect();
    let basic = u32::try_from(out.len()).ok()?;
    let mut handled = basic;
    if basic > 0 {
        out.push('-');
    }
    let (mut next, mut delta, mut bias) = (128u32, 0u32, 72u32);
    while usize::try_from(handled).ok()? < letters.len() {
        let smallest = letters.iter().copied().filter(|letter| *letter >= next).min()?;
        delta = delta.checked_add((smallest - next).checked_mul(handled + 1)?)?;
        next = smallest;
        for letter in &letters {
            if *letter < next {
                delta = delta.checked_add(1)?;
            }
            if *letter == next {
                digits(delta, bias, &mut out);
                bias = adapt(delta, handled + 1, handled == basic);
                delta = 0;
                handled += 1;
            }
        }
        delta = delta.checked_add(1)?;
        next = next.checked_add(1)?;
    }
    Some(out)
}

fn digits(delta: u32, bias: u32, out: &mut String) {
    let mut rest = delta;
    let mut position = BASE;
    loop {
        let threshold = position.saturating_sub(bias).clamp(1, 26);
        if rest < threshold {
            break;
        }
        out.push(digit(threshold + (rest - threshold) % (BASE - threshold)));
        rest = (rest - threshold) / (BASE - threshold);
        position += BASE;
    }
    out.push(digit(rest));
}

/// a to z are 0 to 25, 0 to 9 are 26 to 35: base 36 with the two groups exchanged.
fn digit(value: u32) -> char {
    let base36 = if value < 26 { value + 10 } else { value.saturating_sub(26) };
    char::from_digit(base36, 36).unwrap_or('0')
}

fn adapt(delta: u32, points: u32, first: bool) -> u32 {
    let mut delta = if first { delta / 700 } else { delta / 2 };
    delta += delta / points;
    let mut count = 0;
    while delta > 455 {
        delta /= BASE - 1;
        count += BASE;
    }
    count + BASE * delta / (delta + 38)
}

const BASE: u32 = 36;
