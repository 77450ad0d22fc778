//! The counters of a worker: one table makes the shared-memory layout, `status` and `/metrics`.
//!
//! A row's position is its place in the scoreboard, so a running old worker and a newer `status`
//! stay compatible only if rows are appended, never moved.

/// Whether a value only grows or also falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CounterKind {
    /// Only grows.
    Counter,
    /// Grows and falls.
    Gauge,
}

macro_rules! counters {
    ($($variant:ident $kind:ident $name:literal $help:literal;)+) => {
        /// One value a worker reports, see the table in this file.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(usize)]
        pub enum Counter { $(#[doc = $help] $variant,)+ }

        impl Counter {
            /// All rows, in scoreboard order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Name without prefix, as in `menshen_NAME`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// One line on what it counts.
            #[must_use]
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => $help,)+ }
            }

            /// Whether a worker of the sql door counts it. What neither it nor the tunnel door
            /// counts is of the web door, but for [`Counter::CacheShrinks`] and
            /// [`Counter::CacheShrunk`], which are of both the web and the sql door.
            #[must_use]
            pub const fn is_sql(self) -> bool {
                let place = self as usize;
                place >= Self::SqlSessions as usize && place <= Self::LimitSqlFingerprints as usize
            }

            /// Whether a worker of the tunnel door counts it.
            #[must_use]
            pub const fn is_tunnel(self) -> bool {
                let place = self as usize;
                place >= Self::TunnelSessions as usize && place <= Self::LimitTunnelDrain as usize
            }

            /// Counter or gauge.
            #[must_use]
            pub const fn kind(self) -> CounterKind {
                match self { $(Self::$variant => CounterKind::$kind,)+ }
            }
        }
    };
}

counters! {
    ConnectionsOpen Gauge "connections_open" "connections held now";
    ConnectionsAccepted Counter "connections_accepted_total" "connections accepted";
    ConnectionsTls Counter "tls_handshakes_total" "TLS handshakes finished";
    TlsResumed Counter "tls_resumed_total" "TLS handshakes that resumed a session";
    TlsFailed Counter "tls_handshakes_failed_total" "TLS handshakes that failed or timed out";
    Requests Counter "requests_total" "requests answered, all protocols";
    RequestsH2 Counter "requests_h2_total" "requests answered over HTTP/2";
    RequestsOpen Gauge "requests_open" "requests in flight now";
    Status2xx Counter "responses_2xx_total" "answers with status 2xx";
    Status3xx Counter "responses_3xx_total" "answers with status 3xx";
    Status4xx Counter "responses_4xx_total" "answers with status 4xx";
    Status5xx Counter "responses_5xx_total" "answers with status 5xx";
    BytesIn Counter "received_bytes_total" "body bytes received";
    BytesOut Counter "sent_bytes_total" "body bytes sent";
    UploadsDone Counter "uploads_total" "files stored and acknowledged";
    UploadsAborted Counter "uploads_aborted_total" "uploads that ended before they were whole";
    DescriptorHits Counter "descriptor_cache_hits_total" "files found in the descriptor cache";
    DescriptorMisses Counter "descriptor_cache_misses_total" "files opened anew";
    LimitConnections Counter "limit_connections_total" "hits of connections_max";
    LimitPerAddress Counter "limit_connections_per_address_total"
        "hits of connections_per_address_max";
    LimitHandshake Counter "limit_handshake_seconds_total" "hits of handshake_seconds_max";
    LimitHeadSeconds Counter "limit_head_seconds_total" "hits of head_seconds_max";
    LimitHeadBytes Counter "limit_head_bytes_total" "hits of head_bytes_max or headers_max";
    LimitTarget Counter "limit_target_bytes_total" "hits of target_bytes_max";
    LimitIdle Counter "limit_idle_seconds_total" "kept connections closed after idle_seconds_max";
    LimitStall Counter "limit_stall_seconds_total"
        "hits of stall_seconds_max while reading or sending a body";
    LimitRate Counter "limit_rate_total" "hits of rate_bytes_per_second_min";
    LimitUpload Counter "limit_upload_bytes_total" "hits of upload_bytes_max";
    LimitParts Counter "limit_parts_total" "hits of parts_max or part_head_bytes_max";
    LimitRanges Counter "limit_ranges_total" "hits of ranges_max";
    LimitAuth Counter "limit_auth_failures_total" "hits of auth_failures_per_minute_max";
    LimitH2 Counter "limit_h2_total" "HTTP/2 connections ended for flooding or resets";
    AuthFailed Counter "auth_failed_total" "requests with a wrong token or session";
    StorageFull Counter "storage_full_total" "uploads refused with 507";
    LogDropped Counter "log_lines_dropped_total" "access-log lines that could not be written";
    PhpRequests Counter "php_requests_total" "requests answered by PHP";
    PhpBusy Gauge "php_requests_open" "requests with PHP now";
    PhpQueued Gauge "php_requests_queued" "requests waiting for a PHP worker now";
    PhpMicros Counter "php_microseconds_total" "time PHP workers were held, microseconds";
    PhpQueueMicros Counter "php_queue_microseconds_total"
        "time requests waited for a PHP worker, microseconds";
    PhpSwap Counter "php_deliveries_swap_total" "uploads delivered by swap";
    PhpSwapMicros Counter "php_deliveries_swap_microseconds_total"
        "time PHP workers were held by swap deliveries, microseconds";
    PhpFields Counter "php_deliveries_fields_total" "uploads delivered by fields";
    PhpFieldsMicros Counter "php_deliveries_fields_microseconds_total"
        "time PHP workers were held by fields deliveries, microseconds";
    PhpReplay Counter "php_deliveries_replay_total" "uploads delivered by replay";
    PhpReplayMicros Counter "php_deliveries_replay_microseconds_total"
        "time PHP workers were held by replay deliveries, microseconds";
    PhpFallbacks Counter "php_swap_fallbacks_total"
        "uploads replayed because swap was not possible";
    PhpFailed Counter "php_failed_total"
        "answers 502 and 504: PHP unreachable, dead, stuck or invalid";
    PhpAsked Counter "php_asked_total"
        "uploads that the application was asked about before their first byte";
    PhpDenied Counter "php_denied_total" "uploads that the application did not allow";
    PhpOffloaded Counter "php_offloaded_total" "answers sent from a file that PHP named";
    PhpSpooled Counter "php_spooled_bytes_total"
        "bytes of PHP answers that rested on disk for slow readers";
    PhpStderr Counter "php_stderr_lines_total" "lines PHP wrote to its error stream";
    LimitPhpQueue Counter "limit_php_queue_total" "hits of php_queue_max";
    LimitPhpQueueSeconds Counter "limit_php_queue_seconds_total" "hits of php_queue_seconds_max";
    LimitPhpConnect Counter "limit_php_connect_seconds_total" "hits of php_connect_seconds_max";
    LimitPhpSilence Counter "limit_php_silence_seconds_total" "hits of php_silence_seconds_max";
    LimitPhpHead Counter "limit_php_head_bytes_total" "hits of php_head_bytes_max";
    LimitPhpFields Counter "limit_php_fields_bytes_total" "hits of php_fields_bytes_max";
    LimitPhpAnswerSpool Counter "limit_php_answer_spool_bytes_total"
        "hits of php_answer_spool_bytes_max: the script waited for its reader";
    LimitPhpStderr Counter "limit_php_stderr_bytes_total" "hits of php_stderr_bytes_max";
    ShelfVersion Gauge "certificate_shelf_version"
        "version of the certificates the worker serves";
    ShelfSwaps Counter "certificate_swaps_total" "times a worker took newer certificates";
    ShelfRefused Counter "certificate_refusals_total"
        "times a worker kept its certificates because newer ones could not be used";
    AcmeAnswered Counter "acme_challenges_total"
        "challenges of certificate authorities that were answered";
    TlsKept Counter "tls_failures_kept_total"
        "failed handshakes kept for `menshen explain https --clients`";
    LimitAcmeHook Counter "limit_acme_hook_seconds_total" "hits of acme_hook_seconds_max";
    UploadsRefused Counter "uploads_refused_total"
        "uploads refused with 503 while memory was short";
    CacheShrinks Counter "cache_shrinks_total"
        "times a worker gave back memory it could do without";
    CacheShrunk Counter "cache_shrunk_bytes_total" "bytes a worker gave back so";
    SqlSessions Gauge "sql_sessions_open" "sessions of the sql door held now";
    SqlUncached Gauge "sql_sessions_uncached"
        "sessions held now that are relayed without the cache";
    SqlAccepted Counter "sql_sessions_total" "sessions accepted by the sql door";
    SqlLoginsFailed Counter "sql_logins_failed_total" "sessions that ended before their login";
    SqlUpstreamFailed Counter "sql_upstream_failed_total"
        "sessions refused because the server could not be reached";
    SqlCommands Counter "sql_commands_total" "commands of clients";
    SqlBytesIn Counter "sql_received_bytes_total" "bytes received from clients";
    SqlBytesOut Counter "sql_sent_bytes_total" "bytes sent to clients";
    SqlHits Counter "sql_qcache_hits_total" "Qcache_hits: reads answered from the cache";
    SqlInserts Counter "sql_qcache_inserts_total" "Qcache_inserts: results stored";
    SqlNotCached Counter "sql_qcache_not_cached_total"
        "Qcache_not_cached: reads whose results were not stored";
    SqlPrunes Counter "sql_qcache_lowmem_prunes_total"
        "Qcache_lowmem_prunes: results dropped to make room";
    SqlEntries Gauge "sql_qcache_queries_in_cache" "Qcache_queries_in_cache";
    SqlFreeBytes Gauge "sql_qcache_free_memory_bytes" "Qcache_free_memory";
    SqlFreeBlocks Gauge "sql_qcache_free_blocks" "Qcache_free_blocks";
    SqlTotalBlocks Gauge "sql_qcache_total_blocks" "Qcache_total_blocks";
    SqlCacheBytes Gauge "sql_cache_used_bytes" "bytes the cache of results uses, all overhead in";
    SqlCacheSize Gauge "sql_cache_size_bytes" "query_cache_size now";
    SqlServing Gauge "sql_cache_serving" "1 while reads may be answered from the cache";
    SqlHitBytes Counter "sql_hit_bytes_total" "bytes sent to clients from the cache";
    SqlSavedMicros Counter "sql_saved_microseconds_total"
        "time the server took to make results that were then answered from the cache, microseconds";
    SqlWasted Counter "sql_fills_wasted_total" "results stored and dropped without a hit";
    SqlInvalidations Counter "sql_invalidations_total" "changes of tables, whoever made them";
    SqlInvalidated Counter "sql_entries_invalidated_total" "results dropped as stale";
    SqlForeign Counter "sql_foreign_changes_total"
        "changes of tables seen in the binlog that did not come through the door";
    SqlRightsChecked Counter "sql_rights_checked_total"
        "times the server was asked whether an account may read what another one had cached";
    SqlFollower Gauge "sql_follower_state" "the follower of the binlog: 0 off, 1 behind, 2 follows";
    SqlFollowLag Gauge "sql_follower_lag_microseconds"
        "time within which 99 of 100 changes were seen in the binlog, microseconds";
    LimitSqlConnections Counter "limit_sql_connections_total" "hits of sql.connections_max";
    LimitSqlHandshake Counter "limit_sql_handshake_seconds_total"
        "hits of sql.handshake_seconds_max";
    LimitSqlIdle Counter "limit_sql_idle_seconds_total" "hits of sql.idle_seconds_max";
    LimitSqlDrain Counter "limit_sql_drain_seconds_total"
        "sessions closed by sql.drain_seconds_max";
    LimitSqlResult Counter "limit_sql_result_bytes_total"
        "results not stored because of sql.result_bytes_max";
    LimitSqlInspect Counter "limit_sql_inspect_bytes_total" "hits of sql.inspect_bytes_max";
    LimitSqlFingerprints Counter "limit_sql_fingerprints_total" "hits of sql.fingerprints_max";
    SstpOpen Gauge "sstp_connections_open" "connections relayed to the tunnel worker now";
    SstpTotal Counter "sstp_connections_total"
        "SSTP requests that the tunnel worker was asked to take";
    TunnelSessions Gauge "tunnel_sessions_open" "tunnels held now";
    TunnelHalfOpen Gauge "tunnel_calls_half_open"
        "calls held now that have not shown a password yet";
    TunnelControls Counter "tunnel_control_connections_total" "control connections of PPTP";
    TunnelHandovers Counter "tunnel_handovers_total"
        "connections that the web door handed over for SSTP";
    TunnelLogins Counter "tunnel_logins_total" "users let in by the tunnel door";
    TunnelLoginsFailed Counter "tunnel_logins_failed_total"
        "wrong passwords and unknown names of the tunnel door";
    TunnelBytesIn Counter "tunnel_received_bytes_total" "bytes of packets from clients of tunnels";
    TunnelBytesOut Counter "tunnel_sent_bytes_total" "bytes of packets to clients of tunnels";
    TunnelSpoofed Counter "tunnel_spoofed_packets_total"
        "packets dropped because their source was not the address their client was given";
    TunnelGreUnknown Counter "tunnel_gre_unknown_packets_total" "GRE packets of no call of ours";
    LimitTunnelAddresses Counter "limit_tunnel_addresses_total"
        "sessions refused because tunnel.addresses had none left";
    LimitTunnelSessions Counter "limit_tunnel_sessions_total" "hits of tunnel.sessions_max";
    LimitTunnelPerUser Counter "limit_tunnel_sessions_per_user_total"
        "hits of tunnel.sessions_per_user_max";
    LimitTunnelHalfOpen Counter "limit_tunnel_half_open_total" "hits of tunnel.half_open_max";
    LimitTunnelGuesses Counter "limit_tunnel_guesses_total"
        "proofs refused unread because of tunnel.guesses_max";
    LimitTunnelIdle Counter "limit_tunnel_idle_seconds_total" "hits of tunnel.idle_seconds_max";
    LimitTunnelSession Counter "limit_tunnel_session_seconds_total"
        "hits of tunnel.session_seconds_max";
    LimitTunnelRate Counter "limit_tunnel_rate_total"
        "packets dropped or held up by tunnel.rate_bytes_per_second_max";
    LimitTunnelDrain Counter "limit_tunnel_drain_seconds_total"
        "sessions closed by tunnel.drain_seconds_max";
    ResumableCreated Counter "resumable_created_total" "resumable uploads created";
    ResumableResumed Counter "resumable_resumed_total"
        "requests that went on with a resumable upload";
    ResumableDone Counter "resumable_done_total" "resumable uploads that became whole";
    ResumableCut Counter "resumable_cut_total"
        "requests that ended early and whose bytes were kept";
    ResumableFenced Counter "resumable_fenced_total"
        "requests that were ended because a newer one went on with their upload";
    ResumableReplayed Counter "resumable_replayed_total"
        "stored answers sent again to a client that had lost them";
    ResumableExpired Counter "resumable_expired_total"
        "unfinished uploads and stored answers removed after their time";
    LimitUnfinishedBytes Counter "limit_unfinished_bytes_total"
        "hits of uploads.unfinished_bytes_max";
    LimitUploadsPerOwner Counter "limit_uploads_per_owner_total"
        "hits of uploads.uploads_per_owner_max";
    LimitAppendBytes Counter "limit_append_bytes_total" "hits of uploads.append_bytes_max";
    LinksTaken Counter "links_taken_total" "requests that a signed link opened the way for";
    LinksRefused Counter "links_refused_total"
        "requests with a signed link that is not valid, or not for them";
    LinksExpired Counter "links_expired_total"
        "requests with a signed link whose time, count or budget is used up";
    LimitLinksCounted Counter "limit_links_counted_total" "hits of links.counted_max";
    HooksDelivered Counter "hook_events_delivered_total" "events that receivers of hooks took";
    HooksRetried Counter "hook_deliveries_failed_total"
        "deliveries to hooks that failed and are tried again";
    HooksWaiting Gauge "hook_events_waiting" "events that wait for their receivers now";
    HooksAside Gauge "hook_events_set_aside" "events that were given up and are kept";
    LimitHookAttempts Counter "limit_hook_attempts_total"
        "events set aside by limits.hook_attempts_max";
    LimitQuota Counter "limit_quota_total" "uploads and moves refused by a web.quota";
    FilesExpired Counter "files_expired_total" "files deleted by a web.expire";
    LimitHookHours Counter "limit_hook_hours_total" "events set aside by limits.hook_hours_max";
    S3Mode Gauge "s3_mode"
        "the bucket: 0 none, 1 being asked, 2 conditional, 3 listed, 4 away, 5 refused";
    S3Why Gauge "s3_reason" "why the bucket is away or refused, by number; `status` says it";
    S3Requests Counter "s3_requests_total" "requests sent to the bucket, repetitions among them";
    S3Retries Counter "s3_retries_total" "requests to the bucket that repeated one that failed";
    S3Failures Counter "s3_failures_total" "calls of the bucket that failed, repetitions used up";
    S3BytesOut Counter "s3_sent_bytes_total" "bytes of objects sent to the bucket";
    S3BytesIn Counter "s3_received_bytes_total" "bytes of objects received from the bucket";
    S3Resumed Counter "s3_reads_resumed_total"
        "downloads that went on after the bucket had broken off";
    S3Away Counter "s3_away_total" "requests answered 503 because the bucket was away";
    S3Waits Counter "s3_buffer_waits_total" "uploads that had to wait for one of s3.buffers_max";
    LimitS3Buffers Counter "limit_s3_buffers_total"
        "uploads refused with 503 after waiting for one of s3.buffers_max";
}
