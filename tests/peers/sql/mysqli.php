<?php
// PHP's mysqli (mysqlnd) through the door: HOST PORT USER PASSWORD DATABASE.
[, $host, $port, $user, $password, $database] = $argv;
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
ini_set('mysqli.allow_local_infile', '1');
function same($expected, $actual, string $what): void {
    if ($expected !== $actual) {
        fwrite(STDERR, "$what: expected " . json_encode($expected) . ', got ' . json_encode($actual) . "\n");
        exit(1);
    }
}
$db = mysqli_init();
$db->options(MYSQLI_OPT_LOCAL_INFILE, 1);
$db->real_connect($host, $user, $password, $database, (int) $port);
$db->set_charset('utf8mb4');
$db->query('CREATE OR REPLACE TABLE php_i (id INT PRIMARY KEY AUTO_INCREMENT, v VARCHAR(100), b BLOB, d DOUBLE) ENGINE=InnoDB');
$put = $db->prepare('INSERT INTO php_i (v, b, d) VALUES (?, ?, ?)');
foreach (["门神", "it's", ''] as $number => $text) {
    $blob = "\0\x1a\\'\xff" . $text;
    $real = $number / 3;
    $put->bind_param('ssd', $text, $blob, $real);
    $put->execute();
}
same(3, $db->insert_id, 'insert_id');
// The door learns a moment later from the server's log that the table is settled.
usleep(500000);
$read = fn() => $db->query('SELECT v FROM php_i ORDER BY id')->fetch_all();
for ($i = 0; $i < 4; $i++) {
    same([["门神"], ["it's"], ['']], $read(), 'text read');
}
$db->query("UPDATE php_i SET v='changed' WHERE id=3");
same([["门神"], ["it's"], ['changed']], $read(), 'own write');
$get = $db->prepare('SELECT id, v, b, d FROM php_i WHERE id=?');
for ($i = 0; $i < 3; $i++) {
    foreach ([1, 2] as $id) {
        $get->bind_param('i', $id);
        $get->execute();
        $row = $get->get_result()->fetch_assoc();
        same($id, $row['id'], 'prepared read');
        same((float) (($id - 1) / 3), $row['d'], 'a double');
        same("\0\x1a\\'\xff", substr($row['b'], 0, 5), 'a blob');
    }
}
$db->begin_transaction();
$db->query("UPDATE php_i SET v='inside' WHERE id=1");
same('inside', $db->query('SELECT v FROM php_i WHERE id=1')->fetch_row()[0], 'inside a transaction');
$db->rollback();
same("门神", $db->query('SELECT v FROM php_i WHERE id=1')->fetch_row()[0], 'after a rollback');
$db->multi_query("SELECT 1 AS a; UPDATE php_i SET v='multi' WHERE id=2; SELECT v FROM php_i WHERE id=2");
$seen = [];
do {
    if ($result = $db->store_result()) {
        $seen[] = $result->fetch_row()[0];
    }
} while ($db->more_results() && $db->next_result());
same(['1', 'multi'], $seen, 'several statements');
$db->query('SELECT SQL_CALC_FOUND_ROWS id FROM php_i LIMIT 1');
same('3', $db->query('SELECT FOUND_ROWS()')->fetch_row()[0], 'FOUND_ROWS');
$db->query('SELECT SQL_CALC_FOUND_ROWS id FROM php_i LIMIT 1');
same('3', $db->query('SELECT FOUND_ROWS()')->fetch_row()[0], 'FOUND_ROWS after a hit');
$file = tempnam(sys_get_temp_dir(), 'infile');
file_put_contents($file, "7\tseven\n8\teight\n");
$db->query("LOAD DATA LOCAL INFILE '$file' INTO TABLE php_i (id, v)");
unlink($file);
same('eight', $db->query('SELECT v FROM php_i WHERE id=8')->fetch_row()[0], 'LOCAL INFILE');
try {
    $db->query('SELECT * FROM no_such_table');
    same(true, false, 'an error');
} catch (mysqli_sql_exception $error) {
    same(1146, $error->getCode(), 'an error');
}
$big = str_repeat('x', 3 << 20);
same(strlen($big), strlen($db->query("SELECT '$big'")->fetch_row()[0]), 'three megabytes');
same(3, $db->query('SELECT id FROM php_i WHERE id<4', MYSQLI_USE_RESULT)->fetch_all() ? 3 : 0, 'unbuffered');
$db->change_user($user, $password, $database);
$db->set_charset('utf8mb4');
same([["门神"]], $db->query('SELECT v FROM php_i WHERE id=1')->fetch_all(), 'after change_user');
same(true, $db->ping(), 'ping');
echo "ok\n";
