//! Any bytes in any pieces give the same lines, and nothing is lost.

use proptest::prelude::*;

use super::*;

type Owned = (Vec<u8>, bool, bool);

fn take(pieces: &mut Vec<Owned>) -> impl FnMut(Piece<'_>) {
    |piece| pieces.push((piece.bytes.to_vec(), piece.begins, piece.ends))
}

/// The bytes the pieces stand for; checks that each line begins once.
fn joined(pieces: &[Owned]) -> Vec<u8> {
    let (mut bytes, mut within) = (Vec::new(), false);
    for (text, begins, ends) in pieces {
        assert_eq!(*begins, !within);
        assert!(text.len() <= PIECE_BYTES_MAX && !text.contains(&b'\n'));
        bytes.extend_from_slice(text);
        if *ends {
            bytes.push(b'\n');
        }
        within = !*ends;
    }
    bytes
}

/// Bytes with line ends in them, and now and then a line that is too long.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        8 => proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..40),
        1 => (PIECE_BYTES_MAX - 2..2 * PIECE_BYTES_MAX + 3).prop_map(|count| vec![b'x'; count]),
    ];
    proptest::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_chunking_gives_the_same_pieces(
        bytes in stream(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let (mut whole, mut splitter) = (Vec::new(), Splitter::new());
        splitter.push(&bytes, take(&mut whole));
        splitter.pause(take(&mut whole));
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let (mut cut, mut splitter) = (Vec::new(), Splitter::new());
        for pair in cuts.windows(2) {
            splitter.push(&bytes[pair[0]..pair[1]], take(&mut cut));
        }
        splitter.pause(take(&mut cut));
        prop_assert_eq!(&cut, &whole);
        prop_assert_eq!(joined(&whole), bytes);
    }

    #[test]
    fn pauses_lose_and_add_nothing(
        parts in proptest::collection::vec((stream(), any::<bool>()), 0..6),
    ) {
        let (mut pieces, mut splitter) = (Vec::new(), Splitter::new());
        for (part, pause) in &parts {
            splitter.push(part, take(&mut pieces));
            if *pause {
                splitter.pause(take(&mut pieces));
                prop_assert!(!splitter.is_waiting());
            }
        }
        splitter.pause(take(&mut pieces));
        let bytes: Vec<u8> = parts.into_iter().flat_map(|(part, _)| part).collect();
        prop_assert_eq!(joined(&pieces), bytes);
    }
}

#[test]
fn a_prompt_is_given_in_a_pause_and_its_line_goes_on() {
    let (mut pieces, mut splitter) = (Vec::new(), Splitter::new());
    splitter.push(b"name: ", take(&mut pieces));
    assert!(pieces.is_empty() && splitter.is_waiting());
    splitter.pause(take(&mut pieces));
    splitter.push(b"\n\nx\n", take(&mut pieces));
    let agreed: [Owned; 4] = [
        (b"name: ".to_vec(), true, false),
        (Vec::new(), false, true),
        (Vec::new(), true, true),
        (b"x".to_vec(), true, true),
    ];
    assert_eq!(pieces, agreed);
}
