//! Uploads that replace nothing: a name that is taken gets a number, `a.txt` becomes `a (2).txt`.
//!
//! How it fails: as any publishing does; and when a thousand numbers of a name are taken.

use menshen_hooks::Promise;
use rustix::fs::{Stat, fdatasync, fstat, fsync};

use super::{Spool, Upload, may_take, take_name};
use crate::fault::Fault;
use crate::hooks::settle;
use crate::root::{Expect, Lock};

impl Spool {
    /// Checks, flushes and renames under a name nobody has; which path that came to. What `promise`
    /// makes of a name is settled with it.
    pub(crate) fn publish_new(
        &self,
        mut upload: Upload,
        promise: impl Fn(&[u8], &Stat) -> Result<Option<Promise>, Fault>,
    ) -> Result<(Vec<u8>, Stat), Fault> {
        let file = upload.whole()?;
        if self.durable {
            fdatasync(&file).map_err(Fault::from_errno)?;
        }
        let path = upload.path.clone();
        let (folder, wanted) = self.root.parent_made(&path, self.durable)?;
        let parent = path.get(..path.len() - wanted.len()).unwrap_or_default();
        let stat = fstat(&file).map_err(Fault::from_errno)?;
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        let mut hold = upload.hold.take();
        let mut names = (1..NUMBERS_MAX).map(|number| numbered(wanted, number));
        let path = loop {
            let name = names.next().ok_or(Fault::Exists)?;
            // A look first: a promise is written down for one name.
            match may_take(&folder, &name, &Expect::Anything) {
                Ok(None) => {}
                Ok(Some(_)) | Err(Fault::IsDirectory) => continue,
                Err(fault) => return Err(fault),
            }
            let path = [parent, &name].concat();
            let promise = promise(&path, &stat)?;
            let named = || {
                let _lock = Lock::take(&folder)?;
                take_name(&upload.place, &folder, &name, &Expect::Nothing)
            };
            // The promise before it and the flush behind it wait for the disk, nobody for them.
            let named = match &mut hold {
                Some(hold) => hold.stand(size, named, |_| None),
                None => named(),
            };
            upload.place.kept = named.is_ok();
            let named = named.and_then(|_| match self.durable {
                true => fsync(&folder).map_err(Fault::from_errno),
                false => Ok(()),
            });
            settle(promise, &named);
            match named {
                Ok(()) => break path,
                Err(Fault::Precondition | Fault::IsDirectory) => {}
                Err(fault) => return Err(fault),
            }
        };
        let stat = fstat(&file).map_err(Fault::from_errno)?;
        Ok((path, stat))
    }
}

/// `name` with a number before its ending, short enough for a name; the first is `name` itself.
pub(crate) fn numbered(name: &[u8], number: u32) -> Vec<u8> {
    if number < 2 {
        return name.to_vec();
    }
    let dot = name.iter().rposition(|&b| b == b'.').filter(|&at| at > 0);
    let (stem, ending) = name.split_at(dot.unwrap_or(name.len()));
    let ending = if ending.len() > ENDING_BYTES_MAX { b"".as_slice() } else { ending };
    let number = format!(" ({number})");
    let mut room = stem.len().min(NAME_BYTES_MAX - number.len() - ending.len());
    // Never within a character.
    while stem.get(room).is_some_and(|&byte| byte & 0xc0 == 0x80) {
        room -= 1;
    }
    [&stem[..room], number.as_bytes(), ending].concat()
}

const NAME_BYTES_MAX: usize = 255;
const ENDING_BYTES_MAX: usize = 32;
/// Names that are tried.
pub(crate) const NUMBERS_MAX: u32 = 1000;

#[cfg(test)]
mod tests {
    //! Names beside names.
    use super::*;
    use crate::fixture::Fixture;

    #[test]
    fn numbers_stand_before_the_ending() {
        for (name, number, told) in [
            ("a.txt", 1, "a.txt"),
            ("a.txt", 2, "a (2).txt"),
            ("a", 3, "a (3)"),
            (".a", 2, ".a (2)"),
            ("a.tar.gz", 2, "a.tar (2).gz"),
        ] {
            assert_eq!(numbered(name.as_bytes(), number), told.as_bytes());
        }
        let long = "é".repeat(127) + ".txt";
        for name in [long.as_str(), &"x".repeat(255), &("a.".to_owned() + &"x".repeat(253))] {
            let made = numbered(name.as_bytes(), 999);
            assert!(made.len() <= 255 && std::str::from_utf8(&made).is_ok());
            assert!(made.windows(5).any(|window| window == b"(999)"));
        }
    }

    #[test]
    fn nothing_is_replaced() {
        let made = Fixture::new();
        made.file("in/a.txt", "old");
        std::fs::create_dir(made.path("in/a (2).txt")).unwrap();
        for text in ["one", "two"] {
            let begun = made.spool().begin(b"/in/a.txt", None, 0, <_>::default(), None);
            let mut upload = begun.unwrap();
            upload.write(text.as_bytes()).unwrap();
            made.spool().publish_new(upload, |_, _| Ok(None)).unwrap();
        }
        let read = |name| std::fs::read_to_string(made.path(name)).unwrap();
        assert_eq!(read("in/a.txt"), "old");
        assert_eq!((read("in/a (3).txt"), read("in/a (4).txt")), ("one".into(), "two".into()));
        assert_eq!(made.spooled(), Vec::<String>::new());
    }
}
