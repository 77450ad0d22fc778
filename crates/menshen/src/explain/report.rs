//! From facts about an upload to a report with an exit code. Pure: no file, no socket.

use menshen_base::{Finding, Severity};
use menshen_config::Config;
use menshen_config::model::Delivery;
use menshen_web::explain::{Chosen, PoolSaid, Reached, UploadAnswer, UploadDelivery, UploadRoute};
use serde::Serialize;

use super::findings;
use super::question::Question;
use crate::{EXIT_NO, EXIT_RETRY};

/// What was seen.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) config: &'a Config,
    pub(super) question: &'a Question,
    pub(super) route: &'a UploadRoute,
    /// Of the script that would run.
    pub(super) pool: Option<Pool>,
}

/// A pool, seen from outside.
#[derive(Debug)]
pub(super) struct Pool {
    pub(super) address: String,
    pub(super) managed: bool,
    pub(super) workers: u32,
    pub(super) workers_assumed: bool,
    pub(super) spool: String,
    pub(super) user: Option<String>,
    pub(super) said: Option<PoolSaid>,
    pub(super) test: Test,
}

/// How the test of `swap` went.
#[derive(Debug)]
pub(super) struct Test {
    pub(super) reached: Reached,
    /// The spool is not there: no server ever was.
    pub(super) never_started: bool,
    pub(super) swaps: bool,
    pub(super) findings: Vec<Finding>,
    pub(super) milliseconds: u64,
    pub(super) swap_files_max: Option<usize>,
    pub(super) delivery: UploadDelivery,
}

/// All of it; `--json` prints it as it is, so field names stay.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) question: Question,
    /// `None`: no site takes the host.
    pub(super) site: Option<SiteRow>,
    /// The path of the rule that counts.
    pub(super) rule: Option<String>,
    pub(super) answer: AnswerRow,
    /// `None`: no script runs.
    pub(super) delivery: Option<DeliveryRow>,
    pub(super) limits: Option<LimitsRow>,
    pub(super) pool: Option<PoolRow>,
    pub(super) self_test: Option<TestRow>,
    pub(super) findings: Vec<Finding>,
}

#[derive(Debug, Serialize)]
pub(super) struct SiteRow {
    /// Among the sites of the configuration, from 1.
    pub(super) number: usize,
    pub(super) hosts: Vec<String>,
    pub(super) root: String,
    pub(super) chosen: Chosen,
}

#[derive(Debug, Serialize)]
pub(super) struct AnswerRow {
    /// `script`, `reply` or `files`.
    pub(super) kind: &'static str,
    pub(super) script: Option<String>,
    pub(super) filename: Option<String>,
    pub(super) path_info: Option<String>,
    /// The script that is asked before the first byte.
    pub(super) authorize: Option<String>,
    pub(super) status: Option<u16>,
    pub(super) location: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct DeliveryRow {
    pub(super) configured: Delivery,
    /// `rule`, `site` or `default`.
    pub(super) configured_by: &'static str,
    /// `None`: the pool could not be asked.
    pub(super) result: Option<Delivery>,
    /// Why it is not `swap` where that was wanted.
    pub(super) reason: Option<&'static str>,
    /// A form with more files is replayed.
    pub(super) swap_files_max: Option<usize>,
}

/// Bytes and counts; 0 is no limit.
#[derive(Debug, Serialize)]
pub(super) struct LimitsRow {
    pub(super) upload_bytes_max: u64,
    pub(super) file_bytes_max: u64,
    pub(super) php_fields_bytes_max: u64,
    pub(super) parts_max: u32,
    pub(super) part_head_bytes_max: u32,
}

#[derive(Debug, Serialize)]
pub(super) struct PoolRow {
    pub(super) address: String,
    pub(super) managed: bool,
    pub(super) workers: u32,
    pub(super) workers_assumed: bool,
    pub(super) spool: String,
    /// PHP's user, as a name and a number.
    pub(super) user: Option<String>,
    /// What PHP says of itself.
    pub(super) php: Option<PoolSaid>,
}

#[derive(Debug, Serialize)]
pub(super) struct TestRow {
    /// `works`, `broken`, `not-permitted`, `unreachable`, `closed` or `silent`.
    pub(super) outcome: &'static str,
    pub(super) milliseconds: u64,
}

impl Default for Test {
    fn default() -> Self {
        Self {
            reached: Reached::Silent,
            never_started: false,
            swaps: false,
            findings: Vec::new(),
            milliseconds: 0,
            swap_files_max: None,
            delivery: UploadDelivery { delivery: Delivery::Replay, reason: None },
        }
    }
}

impl Facts<'_> {
    /// The report and the exit code that goes with it.
    pub(super) fn report(self) -> (Report, u8) {
        let found = findings::of(&self);
        let code = self.code(&found);
        let (config, route) = (self.config, self.route);
        let site = route.site.and_then(|number| Some((number, config.sites.get(number)?)));
        let rule = site.and_then(|(_, site)| site.rules.get(route.rule?));
        let report = Report {
            question: self.question.clone(),
            site: site.map(|(number, site)| SiteRow {
                number: number + 1,
                hosts: site.hosts.clone(),
                root: site.root.display().to_string(),
                chosen: route.chosen,
            }),
            rule: rule.map(|rule| rule.path.clone()),
            answer: answer(&route.answer),
            delivery: self.delivery(),
            limits: self.limits(),
            self_test: self.pool.as_ref().map(Pool::outcome),
            pool: self.pool.map(|pool| PoolRow {
                address: pool.address,
                managed: pool.managed,
                workers: pool.workers,
                workers_assumed: pool.workers_assumed,
                spool: pool.spool,
                user: pool.user,
                php: pool.said,
            }),
            findings: found,
        };
        (report, code)
    }

    /// Largest body in bytes, 0 for none, as the server counts it.
    pub(super) fn body_bytes_max(&self) -> u64 {
        match self.route.answer {
            UploadAnswer::Script { upload_bytes_max, .. } if upload_bytes_max > 0 => {
                upload_bytes_max
            }
            _ => self.config.limits.upload_bytes_max,
        }
    }

    fn code(&self, found: &[Finding]) -> u8 {
        let Some(pool) = &self.pool else { return EXIT_NO };
        if matches!(pool.outcome().outcome, "closed" | "unreachable" | "silent") {
            return EXIT_RETRY;
        }
        let fell_back = pool.test.delivery.reason.is_some();
        let found = found.iter().any(|finding| finding.severity > Severity::Note);
        if fell_back || found { EXIT_NO } else { 0 }
    }

    fn delivery(&self) -> Option<DeliveryRow> {
        let (UploadAnswer::Script { delivery, .. }, Some(pool)) = (&self.route.answer, &self.pool)
        else {
            return None;
        };
        let site = self.config.sites.get(self.route.site?)?;
        let rule = self.route.rule.and_then(|rule| site.rules.get(rule));
        let configured_by = match rule.and_then(|rule| rule.delivery) {
            Some(_) => "rule",
            None if site.delivery == Delivery::Auto => "default",
            None => "site",
        };
        let UploadDelivery { delivery: result, reason } = pool.test.delivery;
        // What needs no word of the pool is known without one.
        let known = pool.test.reached == Reached::Answered
            || matches!(delivery, Delivery::Fields | Delivery::Replay);
        Some(DeliveryRow {
            configured: *delivery,
            configured_by,
            result: known.then_some(result),
            reason: reason.filter(|_| known),
            swap_files_max: pool.test.swap_files_max.filter(|_| result == Delivery::Swap),
        })
    }

    fn limits(&self) -> Option<LimitsRow> {
        let UploadAnswer::Script { file_bytes_max, .. } = self.route.answer else { return None };
        let limits = &self.config.limits;
        Some(LimitsRow {
            upload_bytes_max: self.body_bytes_max(),
            file_bytes_max,
            php_fields_bytes_max: limits.php_fields_bytes_max,
            parts_max: limits.parts_max,
            part_head_bytes_max: limits.part_head_bytes_max,
        })
    }
}

impl Pool {
    fn outcome(&self) -> TestRow {
        let outcome = match &self.test.reached {
            Reached::Answered if self.test.swaps => "works",
            Reached::Answered => "broken",
            Reached::NotPermitted(_) => "not-permitted",
            Reached::Unreachable(_) => "unreachable",
            Reached::Closed(_) => "closed",
            Reached::Silent => "silent",
        };
        TestRow { outcome, milliseconds: self.test.milliseconds }
    }
}

fn answer(answer: &UploadAnswer) -> AnswerRow {
    let mut row = AnswerRow {
        kind: "files",
        script: None,
        filename: None,
        path_info: None,
        authorize: None,
        status: None,
        location: None,
    };
    match answer {
        UploadAnswer::Files => {}
        UploadAnswer::Reply { status, location } => {
            row.kind = "reply";
            row.status = Some(*status);
            row.location.clone_from(location);
        }
        UploadAnswer::Script { name, filename, path_info, authorize, .. } => {
            row.kind = "script";
            row.authorize.clone_from(authorize);
            row.script = Some(name.clone());
            row.filename = Some(filename.clone());
            row.path_info = Some(path_info.clone()).filter(|info| !info.is_empty());
        }
    }
    row
}

#[cfg(test)]
mod tests;
