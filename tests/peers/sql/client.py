"""PyMySQL or mysqlclient through the door: MODULE HOST PORT USER PASSWORD DATABASE."""

import importlib
import os
import sys
import tempfile
import time

module, host, port, user, password, database = sys.argv[1:7]
driver = importlib.import_module(module)


def connect(**more):
    return driver.connect(host=host, port=int(port), user=user, password=password,
                          database=database, charset="utf8mb4", local_infile=1, **more)


def same(expected, actual, what):
    if expected != actual:
        sys.exit(f"{what}: expected {expected!r}, got {actual!r}")


def one(cursor, statement, values=None):
    cursor.execute(statement, values)
    return cursor.fetchall()


link = connect()
cursor = link.cursor()
table = "py_" + module.lower()
cursor.execute(f"CREATE OR REPLACE TABLE {table} (id INT PRIMARY KEY, v VARCHAR(100), b BLOB) "
               "ENGINE=InnoDB")
cursor.executemany(f"INSERT INTO {table} VALUES (%s, %s, %s)",
                   [(1, "门神", b"\0\x1a\\'\xff"), (2, "it's", b""), (3, None, None)])
link.commit()
# The door learns a moment later from the server's log that the table is settled.
time.sleep(0.5)
other = connect()
other.autocommit(True)
reader = other.cursor()
for _ in range(4):
    same((("门神",), ("it's",), (None,)),
         one(reader, f"SELECT v FROM {table} ORDER BY id"), "text read")
    same(((b"\0\x1a\\'\xff",),), one(reader, f"SELECT b FROM {table} WHERE id=1"), "a blob")
cursor.execute(f"UPDATE {table} SET v='changed' WHERE id=3")
same(((None,),), one(reader, f"SELECT v FROM {table} WHERE id=3"), "before the commit")
link.commit()
same((("changed",),), one(reader, f"SELECT v FROM {table} WHERE id=3"), "after the commit")
cursor.execute(f"DELETE FROM {table}")
same(((0,),), one(cursor, f"SELECT COUNT(*) FROM {table}"), "inside a transaction")
link.rollback()
same(((3,),), one(reader, f"SELECT COUNT(*) FROM {table}"), "after a rollback")
# One snapshot for both reads of a transaction, whatever others write.
link.rollback()
first = one(cursor, f"SELECT v FROM {table} WHERE id=1")
reader.execute(f"UPDATE {table} SET v='later' WHERE id=1")
same(first, one(cursor, f"SELECT v FROM {table} WHERE id=1"), "repeatable read")
link.rollback()
same((("later",),), one(cursor, f"SELECT v FROM {table} WHERE id=1"), "the next transaction")
with tempfile.NamedTemporaryFile("w", suffix=".tsv") as rows:
    rows.write("7\tseven\t\\N\n8\teight\t\\N\n")
    rows.flush()
    os.chmod(rows.name, 0o644)
    reader.execute(f"LOAD DATA LOCAL INFILE '{rows.name}' INTO TABLE {table}")
same((("eight",),), one(reader, f"SELECT v FROM {table} WHERE id=8"), "LOCAL INFILE")
try:
    reader.execute("SELECT * FROM no_such_table")
    sys.exit("an error was expected")
except driver.ProgrammingError as error:
    same(1146, error.args[0], "an error")
big = "x" * (3 << 20)
same(len(big), len(one(reader, f"SELECT '{big}'")[0][0]), "three megabytes")
reader.execute(f"CREATE OR REPLACE PROCEDURE {table}_p() BEGIN SELECT 1; SELECT 2; END")
reader.execute(f"CALL {table}_p()")
same(((1,),), tuple(reader.fetchall()), "procedure")
reader.nextset()
same(((2,),), tuple(reader.fetchall()), "procedure")
other.close()
link.close()
print("ok")
