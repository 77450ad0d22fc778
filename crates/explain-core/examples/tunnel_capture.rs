//! Prints what a capture says of its PPTP calls, and how fast it was read, a megabyte at a time.

use std::fs::File;
use std::io::Read as _;
use std::time::Instant;

use menshen_explain_core::capture::{Item, Reader};
use menshen_explain_core::tunnel::capture::Finder;
use menshen_explain_core::tunnel::{Report, text};

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "an example prints")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    for path in std::env::args_os().skip(1) {
        let mut file = File::open(path)?;
        let mut buffer = vec![0; 1 << 20];
        let (mut reader, mut finder, mut octets) = (Reader::new(), Finder::new(), 0_usize);
        let began = Instant::now();
        loop {
            let count = file.read(&mut buffer)?;
            let Some(piece) = buffer.get(..count).filter(|piece| !piece.is_empty()) else { break };
            octets += count;
            reader.push(piece, |item| {
                if let Item::Packet(packet) = item {
                    finder.take(&packet);
                }
            })?;
        }
        let report = Report::new(finder.finish());
        let took = began.elapsed();
        print!("{}", text::text(&report));
        let rate = octets as f64 / took.as_secs_f64() / 1e9;
        eprintln!("{octets} octets in {took:?}: {rate:.2} GB/s");
    }
    Ok(())
}
