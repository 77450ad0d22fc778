//! The variables by name: their scopes, how they are shown, and what values they take.
//!
//! Bounds, roundings, warnings and errors are those of MariaDB 10.11 (`sql/sys_vars.cc`,
//! `sql/set_var.h`, checked against the server by the tests of `xtask peers`). It never decides
//! rights. It cannot fail: a wrong value is a [`Fault`].

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::settings::{Globals, Locals, Setting};
use super::{Native, View};
use crate::judge::CacheType;

/// One of the variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variable {
    Type,
    Size,
    Limit,
    MinResUnit,
    WlockInvalidate,
    StripComments,
    Have,
}

/// Whose value is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    Global,
    Session,
    /// Neither is written: the session's value where there is one.
    Unsaid,
}

/// A value of an assignment, as the server's types see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Given {
    Default,
    Null,
    /// A whole number with its sign; beyond 64 bits it is cut as the server cuts it.
    Int(i128),
    /// A number that is not whole, or binary: no variable here takes it.
    Other,
    Text(Vec<u8>),
}

/// An error or warning in the server's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: u16,
    pub(super) state: &'static str,
    pub(super) message: Vec<u8>,
}

/// A checked assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checked {
    pub(super) setting: Setting,
    pub(super) warning: Option<Fault>,
}

impl Variable {
    /// The variable of this name, in any case.
    pub(super) fn of(name: &[u8]) -> Option<Self> {
        ALL.iter().find(|(_, own)| own.as_bytes().eq_ignore_ascii_case(name)).map(|(one, _)| *one)
    }

    /// All variables with their names.
    pub(super) const fn all() -> &'static [(Self, &'static str)] {
        ALL
    }

    pub(super) fn name(self) -> &'static str {
        ALL.iter().find(|(one, _)| *one == self).map_or("", |(_, name)| name)
    }

    /// Whether sessions have a value of their own.
    pub(super) const fn is_of_sessions(self) -> bool {
        matches!(self, Self::Type | Self::WlockInvalidate | Self::StripComments)
    }

    /// The value as `SHOW VARIABLES` prints it.
    pub(super) fn shown(self, globals: &Globals, locals: Option<&Locals>) -> String {
        let switch = |on: bool| if on { "ON" } else { "OFF" }.to_owned();
        let number = |value: u64| value.to_string();
        match (self, locals) {
            (Self::Type, None) => shown_type(globals.cache_type).to_owned(),
            (Self::Type, Some(locals)) => shown_type(locals.cache_type).to_owned(),
            (Self::Size, _) => number(globals.size),
            (Self::Limit, _) => number(globals.limit),
            (Self::MinResUnit, _) => number(globals.min_res_unit),
            (Self::WlockInvalidate, None) => switch(globals.wlock_invalidate),
            (Self::WlockInvalidate, Some(locals)) => switch(locals.wlock_invalidate),
            (Self::StripComments, None) => switch(globals.strip_comments),
            (Self::StripComments, Some(locals)) => switch(locals.strip_comments),
            (Self::Have, _) => "YES".to_owned(),
        }
    }

    /// The value as an expression that the server computes with, in place of `@@name`.
    pub(super) fn expression(self, view: &View<'_>, scope: Scope) -> String {
        let locals = (scope != Scope::Global && self.is_of_sessions()).then_some(view.locals);
        let shown = self.shown(view.globals, locals);
        match self {
            Self::Type | Self::Have => format!("'{shown}'"),
            Self::WlockInvalidate | Self::StripComments => {
                if shown == "ON" { "1" } else { "0" }.to_owned()
            }
            Self::Size | Self::Limit | Self::MinResUnit => format!("CAST({shown} AS UNSIGNED)"),
        }
    }

    /// The setting that an assignment of `given` makes, as the server checks it.
    pub(super) fn check(
        self,
        scope: Scope,
        given: &Given,
        view: &View<'_>,
    ) -> Result<Checked, Fault> {
        if self == Self::Have {
            let message = format!("Variable '{}' is a read only variable", self.name());
            return Err(Fault { code: 1238, state: "HY000", message: message.into_bytes() });
        }
        if scope != Scope::Global && !self.is_of_sessions() {
            let message = format!(
                "Variable '{}' is a GLOBAL variable and should be set with SET GLOBAL",
                self.name()
            );
            return Err(Fault { code: 1229, state: "HY000", message: message.into_bytes() });
        }
        match self {
            Self::Type => self.check_type(scope, given, view),
            Self::WlockInvalidate | Self::StripComments => {
                let default = scope != Scope::Global && self.of_global(view.globals);
                let on = if *given == Given::Default { default } else { self.switch(given)? };
                let setting = if self == Self::WlockInvalidate {
                    Setting::WlockInvalidate(on)
                } else {
                    Setting::StripComments(on)
                };
                Ok(Checked { setting, warning: None })
            }
            Self::Size | Self::Limit | Self::MinResUnit | Self::Have => self.number(given, view),
        }
    }

    fn of_global(self, globals: &Globals) -> bool {
        match self {
            Self::WlockInvalidate => globals.wlock_invalidate,
            _ => globals.strip_comments,
        }
    }

    fn check_type(self, scope: Scope, given: &Given, view: &View<'_>) -> Result<Checked, Fault> {
        let globals = view.globals;
        let value = match given {
            Given::Default if scope == Scope::Global => globals.cache_type_default,
            Given::Default => globals.cache_type,
            Given::Int(0) => CacheType::Off,
            Given::Int(1) => CacheType::On,
            Given::Int(2) => CacheType::Demand,
            Given::Text(text) => {
                let types = [CacheType::Off, CacheType::On, CacheType::Demand];
                let is = |one: &CacheType| shown_type(*one).as_bytes().eq_ignore_ascii_case(text);
                types.into_iter().find(is).ok_or_else(|| self.wrong_value(given))?
            }
            _ => return Err(self.wrong(given)),
        };
        if scope != Scope::Global && value != CacheType::Off && globals.cache_type == CacheType::Off
        {
            let code = if view.native == Native::Known { 1925 } else { 1651 };
            let message = "Query cache is globally disabled and you can't enable it only for this \
                           session";
            return Err(Fault { code, state: "HY000", message: message.into() });
        }
        Ok(Checked { setting: Setting::CacheType(value), warning: None })
    }

    fn switch(self, given: &Given) -> Result<bool, Fault> {
        match given {
            Given::Int(0) => Ok(false),
            Given::Int(1) => Ok(true),
            Given::Text(text) if text.eq_ignore_ascii_case(b"ON") => Ok(true),
            Given::Text(text) if text.eq_ignore_ascii_case(b"OFF") => Ok(false),
            _ => Err(self.wrong(given)),
        }
    }

    fn number(self, given: &Given, view: &View<'_>) -> Result<Checked, Fault> {
        let globals = view.globals;
        let asked = match given {
            Given::Int(value) => *value,
            Given::Default => i128::from(match self {
                Self::Size => globals.size_default,
                Self::Limit => globals.limit_default,
                _ => Globals::MIN_RES_UNIT,
            }),
            _ => return Err(self.wrong_type()),
        };
        let (max, block) = match self {
            Self::Size => (u64::MAX, 1024),
            Self::Limit => (u64::from(u32::MAX), 1),
            _ => (u64::from(u32::MAX), 8),
        };
        let clamped = u64::try_from(asked.max(0)).unwrap_or(u64::MAX).min(max);
        let mut value = clamped - clamped % block;
        let mut warning = (i128::from(value) != asked).then(|| Fault {
            code: 1292,
            state: "01000",
            message: format!("Truncated incorrect {} value: '{asked}'", self.name()).into_bytes(),
        });
        let setting = match self {
            Self::Size => {
                if value != 0 && !(Globals::SIZE_MIN..=Globals::SIZE_MAX).contains(&value) {
                    warning = Some(Fault {
                        code: 1282,
                        state: "01000",
                        message: format!(
                            "Query cache failed to set size {value}; new query cache size is 0"
                        )
                        .into_bytes(),
                    });
                    value = 0;
                }
                Setting::Size(value)
            }
            Self::Limit => Setting::Limit(value),
            _ => Setting::MinResUnit(value.max(512)),
        };
        Ok(Checked { setting, warning })
    }

    fn wrong(self, given: &Given) -> Fault {
        if *given == Given::Other { self.wrong_type() } else { self.wrong_value(given) }
    }

    fn wrong_type(self) -> Fault {
        let message = format!("Incorrect argument type to variable '{}'", self.name());
        Fault { code: 1232, state: "42000", message: message.into_bytes() }
    }

    fn wrong_value(self, given: &Given) -> Fault {
        let value = match given {
            Given::Int(value) => value.to_string().into_bytes(),
            Given::Text(text) => text.get(..TEXT_SHOWN_MAX).unwrap_or(text).to_vec(),
            _ => b"NULL".to_vec(),
        };
        let message = format!("Variable '{}' can't be set to the value of '", self.name());
        let mut message = message.into_bytes();
        message.extend(value);
        message.push(b'\'');
        Fault { code: 1231, state: "42000", message }
    }
}

/// `query_cache_type` as the server prints it.
pub(super) const fn shown_type(cache_type: CacheType) -> &'static str {
    match cache_type {
        CacheType::Off => "OFF",
        CacheType::On => "ON",
        CacheType::Demand => "DEMAND",
    }
}

/// MySQL takes messages of 128 characters at most.
const TEXT_SHOWN_MAX: usize = 60;

const ALL: &[(Variable, &str)] = &[
    (Variable::Have, "have_query_cache"),
    (Variable::Limit, "query_cache_limit"),
    (Variable::MinResUnit, "query_cache_min_res_unit"),
    (Variable::Size, "query_cache_size"),
    (Variable::StripComments, "query_cache_strip_comments"),
    (Variable::Type, "query_cache_type"),
    (Variable::WlockInvalidate, "query_cache_wlock_invalidate"),
];
