//! Misspelt arguments are refused, given ones are read.

use super::*;

fn parse(args: &[&str]) -> Result<Options, String> {
    Options::parse(args.iter().map(|&arg| arg.to_owned()))
}

#[test]
fn unknown_and_malformed_arguments_are_refused() {
    assert!(parse(&["conections=4"]).unwrap_err().contains("conections"));
    assert!(parse(&["secs"]).unwrap_err().contains("secs"));
    assert!(parse(&["mode=gte"]).unwrap().mode().is_err());
    assert!(parse(&["c=x"]).unwrap().get("c", 1_usize).is_err());
    assert!(parse(&["tls=1", "cipher=DES"]).unwrap().tls().is_err());
}

#[test]
fn given_values_win_over_defaults() {
    let options = parse(&["mode=hold-upload", "addr=::1", "port=9", "c=7"]).unwrap();
    assert_eq!(options.mode().unwrap(), Mode::HoldUpload);
    assert_eq!(options.address().unwrap(), "[::1]:9".parse().unwrap());
    assert_eq!(options.get("c", 1_usize).unwrap(), 7);
    assert_eq!(options.get("n", 3_u64).unwrap(), 3);
}
