-- Reads of sysbench's table, of which a share comes from a small set that repeats.
--
-- A statement of the set is the same text every time, so a cache has it after the first; every
-- other statement has a number in it that was never there before, so no cache can have it.

sysbench.cmdline.options = {
   hit = {"Percent of statements from the set that repeats", 100},
   hot = {"Statements of each kind in that set", 1000},
   rows = {"Rows of the table", 10000},
   mix = {"point, readonly or transaction", "point"},
   nonce = {"A number that no other run has", 0},
}

local count = 0

function thread_init()
   driver = sysbench.sql.driver()
   connection = driver:connect()
   kinds = {"SELECT c FROM sbtest1 WHERE id=%d"}
   if sysbench.opt.mix == "transaction" then
      -- What a framework does for a page: five reads in one transaction.
      kinds = {
         kinds[1],
         "SELECT * FROM sbtest1 WHERE id=%d LIMIT 1",
         "SELECT c FROM sbtest1 WHERE id IN (%d, %d)",
         kinds[1],
         "SELECT k FROM sbtest1 WHERE id=%d LIMIT 1",
      }
   end
   if sysbench.opt.mix == "readonly" then
      -- Ten points and one of each range, as oltp_read_only has them.
      for _ = 2, 10 do
         kinds[#kinds + 1] = kinds[1]
      end
      kinds[#kinds + 1] = "SELECT c FROM sbtest1 WHERE id BETWEEN %d AND %d+99"
      kinds[#kinds + 1] = "SELECT SUM(k) FROM sbtest1 WHERE id BETWEEN %d AND %d+99"
      kinds[#kinds + 1] = "SELECT c FROM sbtest1 WHERE id BETWEEN %d AND %d+99 ORDER BY c"
      kinds[#kinds + 1] = "SELECT DISTINCT c FROM sbtest1 WHERE id BETWEEN %d AND %d+99 ORDER BY c"
   end
end

function thread_done()
   connection:disconnect()
end

function event()
   if sysbench.opt.mix == "transaction" then
      connection:query("BEGIN")
   end
   for _, kind in ipairs(kinds) do
      local text
      if sysbench.rand.uniform(1, 100) <= sysbench.opt.hit then
         local id = sysbench.rand.uniform(1, sysbench.opt.hot)
         text = string.format(kind, id, id)
      else
         local id = sysbench.rand.uniform(1, sysbench.opt.rows)
         count = count + 1
         local never = string.format("%d%03d%07d", sysbench.opt.nonce, sysbench.tid, count)
         text = string.format(kind, id, id)
         text = string.gsub(text, "WHERE", "WHERE id<>-" .. never .. " AND")
      end
      connection:query(text)
   end
   if sysbench.opt.mix == "transaction" then
      connection:query("COMMIT")
   end
end
