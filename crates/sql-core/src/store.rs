//! One shard of the cache: entries by key, bounded in bytes, least useful evicted.
