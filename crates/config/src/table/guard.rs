//! Rows of `[guard]` and `[[guard.protect]]`.

use menshen_base::Counter;

use super::{
    Kind, List, Number, NumberPlace, REQUIRED, Row, Section, Signed, Text, Texts, Unit, Word,
};
use crate::model::{Children, Config, Protect};
use crate::parse::{Refusal, guard};

/// Keys of `[guard]`.
pub(super) const GUARD: &[Row] = &[
    Row {
        name: "guard.watch",
        kind: Kind::Switch(|config| &mut config.guard.watch),
        default: "true",
        example: "false",
        help: "whether memory is watched, recorded and acted on",
        detail: "A process of its own, `menshen watch`, does it.",
        counter: None,
        tried: &["enabled", "memory", "oom"],
    },
    Row {
        name: "guard.recorder",
        kind: Kind::Path(|config| &mut config.guard.recorder),
        default: "\"recorder\"",
        example: "\"/var/lib/menshen/recorder\"",
        help: "the flight recorder: what was known before and after each kill",
        detail: "A relative path starts at the state folder. `menshen explain oom --recorder` \
                 reads it.",
        counter: None,
        tried: &["record", "log", "file", "flight_recorder"],
    },
    Row {
        name: "guard.recorder_bytes",
        kind: Kind::Number(Number {
            min: 1 << 20,
            max: 1 << 30,
            zero: None,
            unit: Unit::Bytes,
            place: NumberPlace::Large(|config| &mut config.guard.recorder_bytes),
        }),
        default: "\"16MiB\"",
        example: "\"64MiB\"",
        help: "size of the flight recorder",
        detail: "It is reserved on the disk once; the oldest records are overwritten.",
        counter: None,
        tried: &["recorder_size", "size"],
    },
    step(
        "guard.refuse_uploads",
        |config, text| guard::threshold(text).map(|at| config.guard.refuse_uploads = at),
        ["\"available 10% until 15%, pressure 20% until 5%\"", "\"available 20% until 30%\""],
        "when new uploads get 503 with `Retry-After`",
        "`available`: memory programs could still get, of the machine or of a control group around \
         menshen with less. `pressure`: share of the last seconds in which programs waited for \
         memory (PSI). It begins when one is reached, and ends when both passed the mark behind \
         `until`.",
        &["uploads", "refuse", "shed"],
        Some(Counter::UploadsRefused),
    ),
    Row {
        name: "guard.retry_after_seconds",
        kind: Kind::Number(Number {
            min: 1,
            max: 3600,
            zero: None,
            unit: Unit::Seconds,
            place: NumberPlace::Small(|config| &mut config.guard.retry_after_seconds),
        }),
        default: "10",
        example: "30",
        help: "what refused uploads are told to wait",
        detail: "",
        counter: None,
        tried: &["retry_after", "retry_seconds"],
    },
    step(
        "guard.shrink_caches",
        |config, text| guard::threshold(text).map(|at| config.guard.shrink_caches = at),
        ["\"available 8% until 12%, pressure 30% until 10%\"", "\"off\""],
        "when workers give back memory that only makes them faster",
        "",
        &["caches", "shrink"],
        None,
    ),
    step(
        "guard.recycle_php",
        |config, text| guard::threshold(text).map(|at| config.guard.recycle_php = at),
        ["\"available 6% until 10%, pressure 40% until 10%\"", "\"off\""],
        "when large workers of the managed PHP end after their request",
        "php-fpm starts others in their place. Only `php = \"managed\"` sites are concerned.",
        &["recycle", "php"],
        None,
    ),
    Row {
        name: "guard.recycle_php_bytes",
        kind: Kind::Number(Number {
            min: 1 << 20,
            max: 1 << 40,
            zero: None,
            unit: Unit::Bytes,
            place: NumberPlace::Large(|config| &mut config.guard.recycle_php_bytes),
        }),
        default: "\"128MiB\"",
        example: "\"64MiB\"",
        help: "from which resident size on a worker of PHP is large",
        detail: "",
        counter: None,
        tried: &["php_bytes", "php_memory"],
    },
    step(
        "guard.brake",
        |config, text| guard::threshold(text).map(|at| config.guard.brake = at),
        ["\"available 4% until 8%, pressure 60% until 20%\"", "\"available 5% until 10%\""],
        "when the groups of `brake_cgroups` may not grow any more",
        "Their `memory.high` becomes what they use at that moment, and what it was when the step \
         ends. Needs control groups of version 2.",
        &["throttle"],
        None,
    ),
    Row {
        name: "guard.brake_cgroups",
        kind: groups(
            |config| config.guard.brake_cgroups.clear(),
            |config, text| guard::cgroup(text).map(|path| config.guard.brake_cgroups.push(path)),
        ),
        default: "[]",
        example: "[\"/system.slice/batch.service\"]",
        help: "control groups that are braked: below the mount of version 2",
        detail: "Without any, the step is left out.",
        counter: None,
        tried: &["brake_groups", "high", "memory_high"],
    },
    Row {
        name: "guard.hold_cgroups",
        kind: groups(
            |config| config.guard.hold_cgroups.clear(),
            |config, text| guard::cgroup(text).map(|path| config.guard.hold_cgroups.push(path)),
        ),
        default: "[]",
        example: "[\"/tenants\"]",
        help: "control groups where menshen chooses who ends at their limit, not the kernel",
        detail: "Of the version 1 memory controller. At the limit of such a group the kernel holds \
                 who wants memory instead of killing, and menshen ends the most expendable \
                 process, protected ones last. Should menshen stand still, the kernel decides \
                 again.",
        counter: None,
        tried: &["hold", "oom_control", "hold_groups"],
    },
    Row {
        name: "guard.hold_raise_percent",
        kind: Kind::Number(Number {
            min: 1,
            max: 100,
            zero: Some("not at all"),
            unit: Unit::Count("percent"),
            place: NumberPlace::Small(|config| &mut config.guard.hold_raise_percent),
        }),
        default: "0",
        example: "10",
        help: "how far a held group's limit is raised before a protected program ends",
        detail: "Of the limit that it had when menshen began. It is lowered again as soon as the \
                 group fits.",
        counter: None,
        tried: &["raise", "hold_raise"],
    },
    Row {
        name: "guard.protect",
        kind: Kind::Tables(&PROTECTED),
        default: "[]",
        example: "[{ name = \"database\", unit = \"mariadb.service\", score = -600 }]",
        help: "programs that the kernel shall kill last, or first",
        detail: "Scores below 0 need root with CAP_SYS_RESOURCE. Without it nobody else is made \
                 worse off instead: the log says what to set in the program's own unit.",
        counter: None,
        tried: &["protected", "program", "service", "programs"],
    },
];

/// A step of the ladder.
const fn step(
    name: &'static str,
    put: fn(&mut Config, &str) -> Result<(), Refusal>,
    values: [&'static str; 2],
    help: &'static str,
    detail: &'static str,
    tried: &'static [&'static str],
    counter: Option<Counter>,
) -> Row {
    let [default, example] = values;
    let form = "`\"off\"`, or `\"available N% until M%\"` or `\"pressure N% until M%\"`, or both";
    let kind = Kind::Text(Text { form, put });
    Row { name, kind, default, example, help, detail, counter, tried }
}

/// A list of control groups.
const fn groups(
    clear: fn(&mut Config),
    add: fn(&mut Config, &str) -> Result<(), Refusal>,
) -> Kind<Config> {
    let form = "list of paths of control groups, such as `\"/tenants\"`";
    Kind::Texts(Texts { form, needs: "", clear, add })
}

pub(super) const PROTECTED: List<Config, Protect> = List {
    section: Section {
        name: "guard.protect",
        help: "a program that the kernel shall kill last, or first",
        rows: PROTECT,
    },
    most: 64,
    start: || Protect {
        name: String::new(),
        unit: None,
        command: None,
        cgroup: None,
        pid_file: None,
        user: None,
        score: -500,
        children: Children::Reset,
    },
    name_of: |protect| protect.name.clone(),
    place: |config| &mut config.guard.protect,
};

const PROTECT: &[Row<Protect>] = &[
    Row {
        name: "guard.protect.name",
        kind: Kind::Text(Text {
            form: "a short text",
            put: |protect, text| guard::name(text).map(|name| protect.name = name),
        }),
        default: REQUIRED,
        example: "\"database\"",
        help: "what it is called in logs",
        detail: "",
        counter: None,
        tried: &["label", "title", "program"],
    },
    Row {
        name: "guard.protect.unit",
        kind: Kind::Text(Text {
            form: "unit of systemd, or `\"\"`",
            put: |protect, text| guard::unit(text).map(|unit| protect.unit = unit),
        }),
        default: "\"\"",
        example: "\"mariadb.service\"",
        help: "its unit; the first process of the unit and those beside it are meant",
        detail: "Exactly one of `unit`, `command`, `cgroup` and `pid_file` must be there.",
        counter: None,
        tried: &["service", "systemd"],
    },
    Row {
        name: "guard.protect.command",
        kind: Kind::Text(Text {
            form: "pattern, or `\"\"`",
            put: |protect, text| guard::command(text).map(|command| protect.command = command),
        }),
        default: "\"\"",
        example: "\"/usr/sbin/mysqld*\"",
        help: "pattern over its whole command line",
        detail: "`*` stands for any bytes, `?` for one; arguments are joined by single blanks. \
                 Every process that matches is meant; anybody can give a process any command line, \
                 so see `user`.",
        counter: None,
        tried: &["cmdline", "pattern", "glob", "exe", "process"],
    },
    Row {
        name: "guard.protect.cgroup",
        kind: Kind::Text(Text {
            form: "path of a control group, or `\"\"`",
            put: |protect, text| guard::optional_cgroup(text).map(|path| protect.cgroup = path),
        }),
        default: "\"\"",
        example: "\"/system.slice/mariadb.service\"",
        help: "its control group; the first process of the group and those beside it are meant",
        detail: "",
        counter: None,
        tried: &["group", "slice"],
    },
    Row {
        name: "guard.protect.pid_file",
        kind: Kind::OptionalPath(|protect| &mut protect.pid_file),
        default: "\"\"",
        example: "\"/run/mysqld/mysqld.pid\"",
        help: "a file with its process id",
        detail: "A relative path starts at the folder of this file. A link is not followed. A file \
                 that is not root's names only processes of its own owner.",
        counter: None,
        tried: &["pidfile", "pid"],
    },
    Row {
        name: "guard.protect.user",
        kind: Kind::Text(Text {
            form: "name or number of a user, or `\"\"`",
            put: |protect, text| guard::user(text).map(|user| protect.user = user),
        }),
        default: "\"\"",
        example: "\"mysql\"",
        help: "only processes that this user started are meant",
        detail: "Without it, `command` with a score of 0 or below means processes of root and of \
                 system accounts (numbers below 1000) only: others could have themselves \
                 protected by taking the name.",
        counter: None,
        tried: &["owner", "uid", "account"],
    },
    Row {
        name: "guard.protect.score",
        kind: Kind::Signed(Signed { min: -1000, max: 1000, place: |protect| &mut protect.score }),
        default: "-500",
        example: "-900",
        help: "its `oom_score_adj`; above 0 it is killed sooner than others",
        detail: "At -1000 the kernel never kills it, not even when it is what eats the memory.",
        counter: None,
        tried: &["oom_score_adj", "adj", "oom_score", "priority"],
    },
    Row {
        name: "guard.protect.children",
        kind: Kind::Words(&[
            Word {
                word: "reset",
                help: "what it had itself before it was protected, and no less than 0",
                choose: |protect| protect.children = Children::Reset,
            },
            Word {
                word: "keep",
                help: "what they inherit; where the first process only starts the one that matters",
                choose: |protect| protect.children = Children::Keep,
            },
        ]),
        default: "\"reset\"",
        example: "\"keep\"",
        help: "what its children get",
        detail: "",
        counter: None,
        tried: &["inherit", "child"],
    },
];
