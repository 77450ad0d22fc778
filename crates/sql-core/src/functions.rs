//! Built-in functions whose result depends on their arguments alone.
//!
//! A list of what is allowed: a name that is not here is not pure, whatever it is. What the query
//! cache of the servers refuses is never here (`sql/item_create.cc`, `sql/sql_yacc.yy`:
//! `safe_to_cache_query`), nor is what depends on files, time zone tables, other sessions or the
//! definition of a table. Functions that follow session variables (`default_week_format`,
//! `lc_time_names`, `div_precision_increment`, …) are here: those variables are part of the key.

/// What a built-in function's result depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purity {
    /// Its arguments alone; every supported server has it. Also words that stand in front of a
    /// bracket without being functions (`CAST(x AS CHAR(9))`, `AGAINST (…)`).
    Pure,
    /// Its arguments alone, where the server has it; elsewhere a stored function may have the name.
    Recent,
    /// Its arguments alone, unless it is called without any.
    PureWithArguments,
    /// Its arguments alone, if there are at least two.
    PureWithTwo,
    /// Time, chance, session or server.
    Impure,
    /// The same, and it needs no brackets.
    ImpureBare,
    /// The statement before.
    Diagnostic,
    /// A sequence, which it may change.
    Sequence,
}

/// Every built-in function that is known, in capitals.
pub(crate) const FUNCTIONS: &[(&str, Purity)] = table();

/// What is known of a function by its name, whatever its case. `None`: not a built-in, or not one
/// that may be cached.
#[must_use]
pub fn purity(name: &[u8]) -> Option<Purity> {
    crate::statement::function(name)
}

macro_rules! table {
    ($($purity:ident: $($text:literal)*;)*) => {
        const fn table() -> &'static [(&'static str, Purity)] {
            &[$($(($text, Purity::$purity),)*)*]
        }
    };
}

table! {
    Pure:
        // Numbers.
        "ABS" "ACOS" "ASIN" "ATAN" "ATAN2" "CEIL" "CEILING" "CONV" "COS" "COT" "CRC32" "DEGREES"
        "EXP" "FLOOR" "LN" "LOG" "LOG10" "LOG2" "MOD" "OCT" "PI" "POW" "POWER" "RADIANS" "ROUND"
        "SIGN" "SIN" "SQRT" "TAN" "TRUNCATE" "BIT_COUNT" "GREATEST" "LEAST" "INTERVAL"
        // Control.
        "IF" "IFNULL" "NULLIF" "COALESCE" "ISNULL" "CASE"
        // Texts.
        "ASCII" "BIN" "BIT_LENGTH" "CHAR" "CHARACTER_LENGTH" "CHAR_LENGTH" "CONCAT" "CONCAT_WS"
        "CONVERT" "CAST" "BINARY" "ELT" "EXPORT_SET" "FIELD" "FIND_IN_SET" "FORMAT" "FROM_BASE64"
        "HEX" "INSERT" "INSTR" "LCASE" "LEFT" "LENGTH" "LOCATE" "LOWER" "LPAD" "LTRIM" "MAKE_SET"
        "MID" "OCTET_LENGTH" "ORD" "POSITION" "QUOTE" "REPEAT" "REPLACE" "REVERSE" "RIGHT" "RPAD"
        "RTRIM" "SOUNDEX" "SPACE" "STRCMP" "SUBSTR" "SUBSTRING" "SUBSTRING_INDEX" "TO_BASE64"
        "TRIM" "UCASE" "UNHEX" "UPPER" "WEIGHT_STRING" "MATCH" "AGAINST" "CHARSET" "COLLATION"
        "COERCIBILITY" "EXTRACTVALUE" "UPDATEXML"
        // Dates.
        "ADDDATE" "ADDTIME" "DATE" "DATEDIFF" "DATE_ADD" "DATE_FORMAT" "DATE_SUB" "DAY" "DAYNAME"
        "DAYOFMONTH" "DAYOFWEEK" "DAYOFYEAR" "EXTRACT" "FROM_DAYS" "FROM_UNIXTIME" "GET_FORMAT"
        "HOUR" "LAST_DAY" "MAKEDATE" "MAKETIME" "MICROSECOND" "MINUTE" "MONTH" "MONTHNAME"
        "PERIOD_ADD" "PERIOD_DIFF" "QUARTER" "SECOND" "SEC_TO_TIME" "STR_TO_DATE" "SUBDATE"
        "SUBTIME" "TIME" "TIMEDIFF" "TIMESTAMP" "TIMESTAMPADD" "TIMESTAMPDIFF" "TIME_FORMAT"
        "TIME_TO_SEC" "TO_DAYS" "TO_SECONDS" "WEEK" "WEEKDAY" "WEEKOFYEAR" "YEAR" "YEARWEEK"
        // Aggregates.
        "AVG" "BIT_AND" "BIT_OR" "BIT_XOR" "COUNT" "GROUP_CONCAT" "MAX" "MIN" "STD" "STDDEV"
        "STDDEV_POP" "STDDEV_SAMP" "SUM" "VARIANCE" "VAR_POP" "VAR_SAMP"
        // Hashes and addresses.
        "AES_DECRYPT" "AES_ENCRYPT" "COMPRESS" "MD5" "SHA" "SHA1" "SHA2" "UNCOMPRESS"
        "UNCOMPRESSED_LENGTH" "INET_ATON" "INET_NTOA" "INET6_ATON" "INET6_NTOA" "IS_IPV4"
        "IS_IPV4_COMPAT" "IS_IPV4_MAPPED" "IS_IPV6"
        // Documents.
        "JSON_ARRAY" "JSON_CONTAINS" "JSON_CONTAINS_PATH" "JSON_DEPTH" "JSON_EXTRACT"
        "JSON_INSERT" "JSON_KEYS" "JSON_LENGTH" "JSON_MERGE" "JSON_OBJECT" "JSON_QUOTE"
        "JSON_REMOVE" "JSON_REPLACE" "JSON_SEARCH" "JSON_SET" "JSON_TYPE" "JSON_UNQUOTE"
        "JSON_VALID"
        // Geometry.
        "POINT" "LINESTRING" "POLYGON" "MULTIPOINT" "MULTILINESTRING" "MULTIPOLYGON"
        "GEOMETRYCOLLECTION" "ST_AREA" "ST_ASBINARY" "ST_ASTEXT" "ST_ASWKB" "ST_ASWKT"
        "ST_ASGEOJSON"
        "ST_BUFFER" "ST_CENTROID" "ST_CONTAINS" "ST_CONVEXHULL" "ST_CROSSES" "ST_DIFFERENCE"
        "ST_DIMENSION" "ST_DISJOINT" "ST_DISTANCE" "ST_ENDPOINT" "ST_ENVELOPE" "ST_EQUALS"
        "ST_EXTERIORRING" "ST_GEOMETRYN" "ST_GEOMETRYTYPE" "ST_GEOMFROMTEXT" "ST_GEOMFROMWKB"
        "ST_GEOMFROMGEOJSON" "ST_INTERIORRINGN" "ST_INTERSECTION" "ST_INTERSECTS" "ST_ISCLOSED"
        "ST_ISEMPTY" "ST_ISSIMPLE" "ST_LENGTH" "ST_NUMGEOMETRIES" "ST_NUMINTERIORRINGS"
        "ST_NUMPOINTS" "ST_OVERLAPS" "ST_POINTN" "ST_SRID" "ST_STARTPOINT" "ST_SYMDIFFERENCE"
        "ST_TOUCHES" "ST_UNION" "ST_WITHIN" "ST_X" "ST_Y" "MBRCONTAINS" "MBRDISJOINT"
        "MBRINTERSECTS" "MBROVERLAPS" "MBRTOUCHES" "MBRWITHIN"
        // No functions: words in front of a bracket, and types of CAST and of columns.
        "ANY" "SOME" "VALUE" "VALUES" "OVER" "ROW" "PARTITION" "FULLTEXT" "USING" "ESCAPE" "ROWS"
        "DATETIME" "DECIMAL" "DEC" "NUMERIC" "NCHAR" "NVARCHAR" "VARCHAR" "VARBINARY" "SIGNED"
        "UNSIGNED" "INTEGER" "INT" "TINYINT" "SMALLINT" "MEDIUMINT" "BIGINT" "DOUBLE" "FLOAT"
        "REAL" "FIXED" "BIT" "TEXT" "BLOB" "ENUM" "SET" "CHARACTER" "KEY" "INDEX" "CHECK";
    Recent:
        "ADD_MONTHS" "ANY_VALUE" "BIN_TO_UUID" "CHR" "COLUMN_ADD" "COLUMN_CHECK" "COLUMN_CREATE"
        "COLUMN_DELETE" "COLUMN_EXISTS" "COLUMN_GET" "COLUMN_JSON" "COLUMN_LIST" "CRC32C"
        "CUME_DIST" "DENSE_RANK" "FIRST_VALUE" "GROUPING" "IS_UUID"
        "JSON_ARRAYAGG" "JSON_ARRAY_APPEND" "JSON_ARRAY_INSERT" "JSON_COMPACT" "JSON_DETAILED"
        "JSON_EQUALS" "JSON_EXISTS" "JSON_LOOSE" "JSON_MERGE_PATCH" "JSON_MERGE_PRESERVE"
        "JSON_NORMALIZE" "JSON_OBJECTAGG" "JSON_OVERLAPS" "JSON_PRETTY" "JSON_QUERY"
        "JSON_VALUE" "KDF" "LAG" "LAST_VALUE" "LEAD" "LENGTHB" "MEDIAN" "NATURAL_SORT_KEY"
        "NTH_VALUE" "NTILE" "NVL" "NVL2" "PERCENTILE_CONT" "PERCENTILE_DISC" "PERCENT_RANK" "RANK"
        "REGEXP_INSTR" "REGEXP_LIKE" "REGEXP_REPLACE" "REGEXP_SUBSTR" "ROW_NUMBER" "SFORMAT"
        "ST_DISTANCE_SPHERE" "ST_ISVALID" "ST_SIMPLIFY" "TO_CHAR" "UUID_TO_BIN";
    PureWithArguments: "UNIX_TIMESTAMP";
    PureWithTwo: "ENCRYPT";
    Impure:
        "BENCHMARK" "CONNECTION_ID" "CONVERT_TZ" "CURDATE" "CURTIME" "DATABASE" "DEFAULT"
        "DES_DECRYPT" "DES_ENCRYPT" "GET_LOCK" "IS_FREE_LOCK" "IS_USED_LOCK" "LOAD_FILE"
        "MASTER_GTID_WAIT" "MASTER_POS_WAIT" "SOURCE_POS_WAIT" "NAME_CONST" "NOW" "PASSWORD"
        "OLD_PASSWORD" "RAND" "RANDOM_BYTES" "RELEASE_ALL_LOCKS" "RELEASE_LOCK" "SCHEMA"
        "SESSION_USER" "SLEEP" "SYSTEM_USER" "SYS_GUID" "USER" "UUID" "UUID_SHORT" "UUID_V4"
        "UUID_V7" "VERSION" "WAIT_FOR_EXECUTED_GTID_SET" "BINLOG_GTID_POS" "DECODE_HISTOGRAM"
        "JSON_TABLE" "ROWNUM" "SYSDATE";
    ImpureBare:
        "CURRENT_DATE" "CURRENT_ROLE" "CURRENT_TIME" "CURRENT_TIMESTAMP" "CURRENT_USER" "LOCALTIME"
        "LOCALTIMESTAMP" "UTC_DATE" "UTC_TIME" "UTC_TIMESTAMP";
    Diagnostic: "FOUND_ROWS" "ROW_COUNT" "LAST_INSERT_ID";
    Sequence: "LASTVAL" "NEXTVAL" "SETVAL";
}
