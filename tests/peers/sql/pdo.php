<?php
// PHP's PDO, prepared statements emulated and real: HOST PORT USER PASSWORD DATABASE.
[, $host, $port, $user, $password, $database] = $argv;
function same($expected, $actual, string $what): void {
    if ($expected !== $actual) {
        fwrite(STDERR, "$what: expected " . json_encode($expected) . ', got ' . json_encode($actual) . "\n");
        exit(1);
    }
}
foreach ([true, false] as $emulated) {
    $how = $emulated ? 'emulated' : 'real';
    $db = new PDO("mysql:host=$host;port=$port;dbname=$database;charset=utf8mb4", $user, $password, [
        PDO::ATTR_EMULATE_PREPARES => $emulated,
        PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
    ]);
    $db->exec('CREATE OR REPLACE TABLE php_o (id INT PRIMARY KEY, v VARCHAR(100)) ENGINE=InnoDB');
    $put = $db->prepare('INSERT INTO php_o VALUES (?, ?)');
    foreach ([1 => "门神", 2 => "it's"] as $id => $text) {
        $put->execute([$id, $text]);
    }
    // The door learns a moment later from the server's log that the table is settled.
    usleep(500000);
    $get = $db->prepare('SELECT v FROM php_o WHERE id = :id');
    $read = function (int $id) use ($get) {
        $get->execute(['id' => $id]);
        $value = $get->fetchColumn();
        $get->closeCursor();
        return $value;
    };
    for ($i = 0; $i < 4; $i++) {
        same("门神", $read(1), "$how read");
        same("it's", $read(2), "$how read");
    }
    $db->exec("UPDATE php_o SET v='changed' WHERE id=1");
    same('changed', $read(1), "$how read of an own write");
    $db->beginTransaction();
    $db->exec('DELETE FROM php_o');
    same('0', (string) $db->query('SELECT COUNT(*) FROM php_o')->fetchColumn(), "$how transaction");
    $db->rollBack();
    same('2', (string) $db->query('SELECT COUNT(*) FROM php_o')->fetchColumn(), "$how rollback");
    $db->exec('CREATE OR REPLACE PROCEDURE php_p() BEGIN SELECT 1; SELECT v FROM php_o ORDER BY id; END');
    $call = $db->query('CALL php_p()');
    same('1', (string) $call->fetchColumn(), "$how procedure");
    $call->nextRowset();
    same(['changed', "it's"], $call->fetchAll(PDO::FETCH_COLUMN), "$how procedure");
    $call->closeCursor();
    try {
        $db->query('SELECT nothing FROM php_o');
        same(true, false, 'an error');
    } catch (PDOException $error) {
        same('42S22', $error->getCode(), "$how error");
    }
}
echo "ok\n";
