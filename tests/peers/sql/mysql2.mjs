// Node's mysql2 through the door, text and prepared: HOST PORT USER PASSWORD DATABASE.
import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import mysql from 'mysql2/promise';

const [host, port, user, password, database] = process.argv.slice(2);
const settings = { host, port: Number(port), user, password, database, charset: 'utf8mb4',
  multipleStatements: true, infileStreamFactory: () => Readable.from([Buffer.from('7\tseven\n8\teight\n')]) };
const db = await mysql.createConnection(settings);
const values = async (call) => (await call)[0].map((row) => row.v);

await db.query('CREATE OR REPLACE TABLE node_t (id INT PRIMARY KEY, v VARCHAR(100)) ENGINE=InnoDB');
await db.query('INSERT INTO node_t VALUES ?', [[[1, '门神'], [2, "it's"]]]);
// The door learns a moment later from the server's log that the table is settled.
await new Promise((done) => setTimeout(done, 500));
for (let round = 0; round < 4; round += 1) {
  assert.deepEqual(await values(db.query('SELECT v FROM node_t ORDER BY id')), ['门神', "it's"]);
  assert.deepEqual(await values(db.execute('SELECT v FROM node_t WHERE id=?', [2])), ["it's"]);
}
await db.execute('UPDATE node_t SET v=? WHERE id=?', ['changed', 2]);
assert.deepEqual(await values(db.execute('SELECT v FROM node_t WHERE id=?', [2])), ['changed']);
assert.deepEqual(await values(db.query('SELECT v FROM node_t ORDER BY id')), ['门神', 'changed']);
await db.beginTransaction();
await db.query("UPDATE node_t SET v='inside'");
assert.deepEqual(await values(db.query('SELECT v FROM node_t WHERE id=1')), ['inside']);
await db.rollback();
assert.deepEqual(await values(db.query('SELECT v FROM node_t WHERE id=1')), ['门神']);
const [several] = await db.query('SELECT 1 AS v; SELECT v FROM node_t WHERE id=1');
assert.deepEqual(several.map((rows) => rows[0].v), [1, '门神']);
await db.query("LOAD DATA LOCAL INFILE 'any' INTO TABLE node_t");
assert.deepEqual(await values(db.query('SELECT v FROM node_t WHERE id=8')), ['eight']);
await assert.rejects(db.query('SELECT * FROM no_such_table'), { errno: 1146 });
// Statements sent before the first is answered: replies keep their order.
const many = await Promise.all([1, 2, 1, 2].map((id) => values(db.query('SELECT v FROM node_t WHERE id=?', [id]))));
assert.deepEqual(many, [['门神'], ['changed'], ['门神'], ['changed']]);
await db.changeUser({ user, password, database });
assert.deepEqual(await values(db.query('SELECT v FROM node_t WHERE id=1')), ['门神']);
const pool = mysql.createPool({ ...settings, connectionLimit: 5 });
const pooled = await Promise.all(Array.from({ length: 50 }, () => values(pool.query('SELECT v FROM node_t WHERE id=1'))));
assert.ok(pooled.every(([value]) => value === '门神'));
await pool.end();
await db.end();
console.log('ok');
